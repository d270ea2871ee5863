"""cosign accepts floe's signed statements by the public key, and refuses everything else."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.adapters.signing import generate_key
from engine.attestation.bundle import sign_statement
from engine.attestation.statement import make_statement, predicate_type
from engine.domain.artifact import Digest
from tests.peers.cosign import VERSIONS, Cosign

pytestmark = pytest.mark.peers
DIGEST, OTHER = Digest.of(b"artifact"), Digest.of(b"another artifact")
KIND = predicate_type("promotion", "prod")


@dataclass(frozen=True)
class Case:
    """A signed statement, and a cosign that trusts its key."""

    cosign: Cosign

    def accepted(self, digest: Digest = DIGEST, kind: str = KIND) -> bool:
        return self.cosign.accepts_bundle("bundle.json", digest.hex, kind)


@pytest.fixture(params=["ecdsa", "ed25519"])
def case(request: pytest.FixtureRequest, program: str, tmp_path: Path) -> Case:
    cosign, signer = Cosign(program, tmp_path), generate_key(request.param)
    cosign.trust(signer)
    payload = make_statement("acme/app", DIGEST, KIND, {"version": "v1.2.3"})
    bundle = sign_statement(payload, signer.sign, signer.public_key())
    (tmp_path / "bundle.json").write_bytes(bundle)
    return Case(cosign)


@pytest.fixture(params=VERSIONS)
def program(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_cosign_accepts_a_signed_statement(case: Case) -> None:
    assert case.accepted()


def test_cosign_refuses_another_artifact(case: Case) -> None:
    assert not case.accepted(digest=OTHER)


def test_cosign_refuses_another_environment(case: Case) -> None:
    assert not case.accepted(kind=predicate_type("promotion", "staging"))


def test_cosign_refuses_another_key(case: Case) -> None:
    case.cosign.trust(generate_key("ecdsa"))

    assert not case.accepted()


def test_cosign_refuses_an_edited_statement(case: Case) -> None:
    path = case.cosign.folder / "bundle.json"
    bundle = json.loads(path.read_text())
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"])
    edited = base64.b64encode(payload.replace(b"v1.2.3", b"v6.6.6")).decode()
    bundle["dsseEnvelope"]["payload"] = edited
    path.write_text(json.dumps(bundle))

    assert not case.accepted()
