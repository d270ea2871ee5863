"""The files of `make dist`: built twice, checked as a user does, and run."""

import base64
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest

from engine.adapters.signing import PemSigner, generate_key
from engine.attestation.keys import load_der
from tests.builders import image
from tests.peers import oci_layout
from tests.peers.cosign import TRUSTED_ROOT
from tests.peers.go import peer

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(1800)
# A policy in CEL, so that the largest library of floe.pyz is used.
MANIFEST = """
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci-layout:./registry"}
  promotion:
    policies:
      - {name: small, rule: "artifact.layers.all(l, l.size < 500000000)", message: split it}
"""


@dataclass(frozen=True)
class Release:
    """The files of one build in `folder`, signed by `key`."""

    folder: Path
    key: PemSigner

    @property
    def pyz(self) -> Path:
        return self.folder / "floe.pyz"

    def run(self, cwd: Path, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run floe.pyz as a CI job does: with an empty home, and nothing from this checkout."""
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8"}
        command = [sys.executable, "-I", self.pyz, *words]
        return subprocess.run(
            command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=900
        )


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder = tmp_path_factory.mktemp("release")
    built = Release(folder / "dist", generate_key("ecdsa"))
    key = folder / "release.key"
    key.write_bytes(built.key.private_pem())
    key.chmod(0o600)
    make(f"KEY={key}", f"OUT={built.folder}")
    return built


def make(*words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    bin_folder = Path(sys.executable).parent
    # The environment is the one of these tests, which make does not install again.
    command = ["make", "-o", ".venv/.installed", f"BIN={bin_folder}", "dist", *words]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=1500,
    )


def test_pyz_promotes_on_a_layout(release: Release, tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").write_text(MANIFEST)
    oci_layout.write(tmp_path / "registry", image(b"v1.0.0"), "v1.0.0-dev")

    version = release.run(tmp_path, "--version")
    ran = release.run(
        tmp_path, "platform", "promote", "v1.0.0", "--to", "staging", "--output", "json"
    )

    assert (version.returncode, version.stderr) == (0, "")
    assert version.stdout.startswith("floe ")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["outcome"] == "promoted"


def test_pyz_has_the_locked_packages_and_no_others(release: Release) -> None:
    names = ZipFile(release.pyz).namelist()
    parts = {name.split("/")[1] for name in names if name.startswith("site-packages/")}

    assert {"cli", "engine", "pydantic_core", "cel_expr_python", "obstore"} <= parts
    assert not {"pytest", "shiv", "mypy", "psycopg", "tests", "_pytest"} & parts
    assert not [name for name in names if name.endswith(".pyc") or "/tests/" in name]


def test_pyz_of_another_python_says_so(release: Release, tmp_path: Path) -> None:
    with ZipFile(release.pyz) as archive:
        code = archive.read("site-packages/bin/python_version.py").decode()
    other = code.replace(f"({sys.version_info[0]}, {sys.version_info[1]})", "(3, 99)")

    ran = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True)

    assert other != code
    assert ran.returncode == 2
    assert ran.stderr.startswith("floe.pyz is for Python 3.")
    assert "Traceback" not in ran.stderr


def test_second_build_has_the_same_bytes(release: Release, tmp_path: Path) -> None:
    key = release.folder.parent / "release.key"

    made = make(f"KEY={key}", f"OUT={tmp_path}")

    assert made.returncode == 0, made.stderr
    for name in ("floe.pyz", next(release.folder.glob("*.whl")).name):
        assert (tmp_path / name).read_bytes() == (release.folder / name).read_bytes(), name


def test_checksums_and_signatures_are_those_of_the_files(release: Release) -> None:
    public = load_der(release.key.public_key())
    assert public is not None
    (release.folder / "release.key.pub").write_text(public.pem)
    check = documented_check()

    sound = subprocess.run(["bash", "-euc", check], cwd=release.folder, capture_output=True)
    other = load_der(generate_key("ecdsa").public_key())
    assert other is not None
    (release.folder / "release.key.pub").write_text(other.pem)
    foreign = subprocess.run(["bash", "-euc", check], cwd=release.folder, capture_output=True)

    assert sound.returncode == 0, sound.stderr
    assert b"Verified OK" in sound.stdout
    assert foreign.returncode != 0


def test_attestation_names_the_packages(release: Release) -> None:
    bundle = json.loads((release.folder / "floe.pyz.sigstore.json").read_text())
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))

    build = statement["predicate"]["buildDefinition"]
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["subject"][0]["name"] == "floe.pyz"
    assert any(
        each.get("uri", "").startswith("pkg:pypi/pydantic-core@")
        for each in build["resolvedDependencies"]
    )


@pytest.mark.peers
def test_cosign_verifies_the_documented_way(release: Release) -> None:
    public = load_der(release.key.public_key())
    assert public is not None
    (release.folder / "release.key.pub").write_text(public.pem)
    (release.folder / "root.json").write_text(json.dumps(TRUSTED_ROOT))
    command = [
        *("verify-blob-attestation", "--key", "release.key.pub", "--insecure-ignore-tlog=true"),
        *("--trusted-root", "root.json", "--type", "slsaprovenance1"),
        *("--bundle", "floe.pyz.sigstore.json"),
    ]

    right = subprocess.run([peer("cosign"), *command, "floe.pyz"], cwd=release.folder)
    wrong = subprocess.run([peer("cosign"), *command, "SHA256SUMS"], cwd=release.folder)

    assert right.returncode == 0
    assert wrong.returncode != 0


@pytest.mark.parametrize("words", [(), ("KEY=missing.key",)])
def test_release_without_a_key_is_refused(words: tuple[str, ...], tmp_path: Path) -> None:
    made = make(*words, f"OUT={tmp_path}")

    assert made.returncode != 0
    assert "Not built: " in made.stderr
    assert "Traceback" not in made.stderr
    assert list(tmp_path.iterdir()) == []


def documented_check() -> str:
    """The commands of docs/ci.md that check a release without cosign."""
    page = (ROOT / "docs" / "ci.md").read_text()
    [check] = [block for block in page.split("```text\n")[1:] if block.startswith("sha256sum -c")]
    return check.partition("```")[0]
