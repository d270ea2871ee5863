"""Signatures of promoted artifacts: enforced, warned about, or ignored."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.sigstore import SigstoreVerifier
from engine.api import Engine
from engine.domain.artifact import Tag
from engine.domain.environment import Enforcement, Environment
from engine.domain.errors import SignatureVerificationError, UnconfiguredError
from engine.domain.finding import Outcome
from engine.domain.plan import GateMode, Plan
from engine.domain.record import PromotionRecord
from tests.builders import Artifact, image
from tests.conftest import Place
from tests.peers import oci_layout
from tests.scenarios.engines import (
    ProgressLog,
    engine_on,
    gate,
    path_of,
    promote,
    promotion,
    with_parts,
)
from tests.scenarios.verbs import roll_back
from tests.signatures.sigstore_kit.formats import key_bundle, key_envelope, pem, statement
from tests.signatures.sigstore_kit.repository import bundle_image

KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())


@contextmanager
def engine_that(
    enforcement: Enforcement, place: Place, folder: Path, *, verifier: bool = True
) -> Iterator[Engine]:
    """Staging with `enforcement` and a gate that leaves a file when it runs."""
    staging = Environment("staging", gates=(gate("touch", "ran"),), signature=enforcement)
    with engine_on(place.registry, folder, path_of("dev", staging)) as engine:
        keys = SigstoreVerifier((pem(KEY),)) if verifier else engine.runner.verifier
        yield with_parts(engine, verifier=keys)


def push_signed(place: Place, artifact: Artifact, key: ec.EllipticCurvePrivateKey = KEY) -> None:
    payload = statement(str(artifact.manifest.digest))
    place.push(bundle_image(key_bundle(key, key_envelope(key, payload)), artifact.manifest), None)


def publish(place: Place, content: bytes = b"one", version: str = "v1.0.0") -> Artifact:
    artifact = image(content)
    place.push(artifact, f"{version}-dev")
    return artifact


def signature_of(plan: Plan) -> tuple[Outcome, str]:
    [found] = [finding for finding in plan.findings if finding.check == "signature"]
    return found.outcome, found.reason


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An image layout; bundles attached there are found as in any registry."""
    root = tmp_path / "registry"
    return Place(LayoutRegistry.create(root), lambda a, tag: oci_layout.write(root, a, tag))


@pytest.mark.requirement("FR-004")
def test_signed_artifact_is_promoted_and_the_record_names_the_key(place, tmp_path):
    push_signed(place, publish(place))

    with engine_that(Enforcement.ENFORCE, place, tmp_path) as engine:
        result = promote(engine, "v1.0.0", "staging")

    assert isinstance(result.record, PromotionRecord)
    assert result.record.signature_verified
    status = result.record.signature_status
    assert (status.enforcement, status.mode) == ("enforce", "key")
    assert status.fingerprint.startswith("sha256:")


@pytest.mark.requirement("FR-005")
@pytest.mark.parametrize("mode", [GateMode.RUN, GateMode.LIST])
def test_unsigned_artifact_is_stopped_before_any_gate_runs(place, tmp_path, mode):
    publish(place)

    with engine_that(Enforcement.ENFORCE, place, tmp_path) as engine:
        plan = engine.plan(promotion(engine, "v1.0.0", "staging"), ProgressLog(), mode)

    assert isinstance(plan.error, SignatureVerificationError)
    assert str(plan.error) == "Artifact is unsigned and enforcement is enabled"
    assert not (tmp_path / "ran").exists()
    assert {g.error for g in plan.gate_results} == {
        "not run: already blocked" if mode is GateMode.RUN else "not run in a dry run",
        "not run: already blocked",
    }


@pytest.mark.requirement("FR-005")
def test_signature_by_another_key_does_not_count(place, tmp_path):
    push_signed(place, publish(place), OTHER_KEY)

    with engine_that(Enforcement.ENFORCE, place, tmp_path) as engine:
        result = promote(engine, "v1.0.0", "staging")

    assert isinstance(result.error, SignatureVerificationError)
    assert str(result.error).startswith("Signature verification failed: ")
    assert engine.runner.registry.resolve(Tag("v1.0.0-staging")) is None


def test_signature_copied_from_another_artifact_does_not_count(place, tmp_path):
    other = image(b"other")
    payload = statement(str(other.manifest.digest))
    place.push(
        bundle_image(key_bundle(KEY, key_envelope(KEY, payload)), publish(place).manifest), None
    )

    with engine_that(Enforcement.ENFORCE, place, tmp_path) as engine:
        assert isinstance(promote(engine, "v1.0.0", "staging").error, SignatureVerificationError)


@pytest.mark.requirement("FR-021")
def test_warn_enforcement_promotes_with_a_warning(place, tmp_path):
    publish(place)

    with engine_that(Enforcement.WARN, place, tmp_path) as engine:
        result = promote(engine, "v1.0.0", "staging")

    assert isinstance(result.record, PromotionRecord)
    assert result.warnings == ("Artifact is unsigned",)
    assert result.record.warnings == ("Artifact is unsigned",)
    assert not result.record.signature_verified


@pytest.mark.requirement("FR-021")
def test_off_enforcement_reads_no_bundle(place, tmp_path):
    artifact = publish(place)
    # A bundle that would be refused if it were read.
    place.push(bundle_image(json.dumps({}).encode(), artifact.manifest), None)

    with engine_that(Enforcement.OFF, place, tmp_path, verifier=False) as engine:
        result = promote(engine, "v1.0.0", "staging")
        plan = engine.plan(promotion(engine, "v1.0.0", "staging"), ProgressLog())

    assert result.error is None
    assert result.record.signature_status.mode == "none"
    assert plan.signature.enforcement == "off"


def test_enforcement_without_a_key_or_identity_is_an_error(place, tmp_path):
    publish(place)

    with (
        engine_that(Enforcement.ENFORCE, place, tmp_path, verifier=False) as engine,
        pytest.raises(UnconfiguredError, match="public_keys"),
    ):
        promote(engine, "v1.0.0", "staging")


def test_rollback_obeys_the_signature_rule_too(place, tmp_path):
    publish(place, b"one", "v1.0.0")
    publish(place, b"two", "v2.0.0")
    with engine_that(Enforcement.OFF, place, tmp_path) as engine:
        promote(engine, "v1.0.0", "staging")
        promote(engine, "v2.0.0", "staging")

    with engine_that(Enforcement.ENFORCE, place, tmp_path) as engine:
        refused = roll_back(engine, "v1.0.0")
    push_signed(place, image(b"one"))
    with engine_that(Enforcement.ENFORCE, place, tmp_path) as engine:
        done = roll_back(engine, "v1.0.0")

    assert isinstance(refused.error, SignatureVerificationError)
    assert done.error is None
    assert done.record.signature_verified
