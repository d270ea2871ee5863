"""Signatures by the real cosign, in both formats, on registries with and without the API."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.adapters.sigstore import SigstoreVerifier
from engine.domain.manifest import Manifest
from engine.domain.signature import SignatureVerdict
from tests.builders import image
from tests.peers import raw
from tests.peers.go import peer, referrers_registry

pytestmark = [pytest.mark.requirement("FR-018"), pytest.mark.peers]
FORMATS = {
    "legacy": ("--new-bundle-format=false",),
    "bundle": ("--new-bundle-format=true",),
}


class Cosign:
    """Signs with a key of its own, without a transparency log: nothing leaves this machine."""

    def __init__(self, folder: Path) -> None:
        self._program = peer("cosign")
        self._folder = folder
        self._run("generate-key-pair")

    @property
    def public_key(self) -> bytes:
        return (self._folder / "cosign.pub").read_bytes()

    def sign(self, reference: str, form: str) -> None:
        self._run(
            "sign",
            "--key=cosign.key",
            "--use-signing-config=false",
            "--tlog-upload=false",
            "--allow-http-registry",
            "--yes",
            *FORMATS[form],
            reference,
        )

    def _run(self, *arguments: str) -> None:
        environ = {"PATH": os.environ["PATH"], "HOME": str(self._folder), "COSIGN_PASSWORD": ""}
        command = [str(self._program), *arguments]
        done = subprocess.run(
            command, cwd=self._folder, env=environ, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def cosign(tmp_path_factory: pytest.TempPathFactory) -> Cosign:
    return Cosign(tmp_path_factory.mktemp("cosign"))


@pytest.fixture(params=["without the API", "with the API"])
def host(request: pytest.FixtureRequest) -> Iterator[str]:
    with ExitStack() as stack:
        if request.param == "with the API":
            yield stack.enter_context(referrers_registry())
        else:
            yield request.getfixturevalue("registry_host")


@pytest.fixture
def verdict(
    host: str, repository: str, opened: Callable[..., DistributionRegistry]
) -> Callable[[Manifest, bytes], SignatureVerdict]:
    registry = opened(host, repository)
    return lambda manifest, key: SigstoreVerifier((key,)).verify(registry, manifest)


@pytest.mark.parametrize("form", FORMATS)
def test_what_cosign_signs_is_verified_and_what_it_did_not_is_not(
    cosign, host, repository, verdict, form
):
    signed, other = image(b"signed"), image(b"other")
    raw.push(host, repository, signed, "v1.0.0")
    raw.push(host, repository, other, "v2.0.0")

    cosign.sign(f"{host}/{repository}@{signed.manifest.digest}", form)

    good = verdict(signed.manifest, cosign.public_key)
    assert (good.problem, good.mode) == (None, "key")
    assert not verdict(other.manifest, cosign.public_key).verified


@pytest.mark.parametrize("form", FORMATS)
def test_another_key_does_not_verify_it(cosign, host, repository, verdict, form, tmp_path):
    artifact = image(b"signed")
    raw.push(host, repository, artifact, "v1.0.0")
    cosign.sign(f"{host}/{repository}@{artifact.manifest.digest}", form)

    stranger = Cosign(tmp_path).public_key

    assert not verdict(artifact.manifest, stranger).verified
