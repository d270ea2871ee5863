"""cosign accepts floe's signed statements by the public key, and refuses everything else."""

import base64
import json
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from engine.adapters.signing import generate_key
from engine.attestation.bundle import sign_statement
from engine.attestation.keys import load_der
from engine.attestation.statement import make_statement, predicate_type
from engine.domain.artifact import Digest
from tests.peers import signing
from tests.peers.go import peer

pytestmark = pytest.mark.peers
DIGEST, OTHER = Digest.of(b"artifact"), Digest.of(b"another artifact")


@dataclass(frozen=True)
class Case:
    """A call of `cosign verify-blob-attestation` in `folder`."""

    folder: Path
    digest: Digest = DIGEST
    kind: str = predicate_type("promotion", "prod")
    key: str = "floe.pub"

    def verify(self) -> subprocess.CompletedProcess[str]:
        command = [peer("cosign"), "verify-blob-attestation", "--bundle", "bundle.json"]
        command += ["--key", self.key, "--insecure-ignore-tlog=true", "--type", self.kind]
        command += ["--digest", self.digest.hex, "--digestAlg", "sha256"]
        return subprocess.run(
            command,
            cwd=self.folder,
            env={"HOME": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(params=["ecdsa", "ed25519"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    case, signer = Case(tmp_path), generate_key(request.param)
    public = load_der(signer.public_key())
    assert public is not None
    payload = make_statement("acme/app", DIGEST, case.kind, {"version": "v1.2.3"})
    (tmp_path / "floe.pub").write_text(public.pem)
    (tmp_path / "other.pub").write_bytes(signing.SigningKey.new().pem())
    bundle = sign_statement(payload, signer.sign, signer.public_key())
    (tmp_path / "bundle.json").write_bytes(bundle)
    return case


def test_cosign_accepts_a_signed_statement(case: Case) -> None:
    done = case.verify()

    assert done.returncode == 0, done.stderr


def test_cosign_refuses_another_artifact(case: Case) -> None:
    assert replace(case, digest=OTHER).verify().returncode != 0


def test_cosign_refuses_another_environment(case: Case) -> None:
    other = replace(case, kind=predicate_type("promotion", "staging"))

    assert other.verify().returncode != 0


def test_cosign_refuses_another_key(case: Case) -> None:
    assert replace(case, key="other.pub").verify().returncode != 0


def test_cosign_refuses_an_edited_statement(case: Case) -> None:
    path = case.folder / "bundle.json"
    bundle = json.loads(path.read_text())
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"])
    edited = base64.b64encode(payload.replace(b"v1.2.3", b"v6.6.6")).decode()
    bundle["dsseEnvelope"]["payload"] = edited
    path.write_text(json.dumps(bundle))

    assert case.verify().returncode != 0
