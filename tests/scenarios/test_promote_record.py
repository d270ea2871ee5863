"""The record of a promotion: content, subject, and links to earlier records."""

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.api import Engine
from engine.domain.artifact import Tag
from engine.domain.environment import Environment
from engine.domain.gate import GateKind, GateStatus
from engine.domain.manifest import IMAGE_INDEX, Manifest
from engine.domain.record import PromotionRecord, record_from_bytes
from engine.domain.status import Alignment
from tests.builders import image, referrer
from tests.conftest import Place
from tests.peers import raw
from tests.scenarios.engines import (
    ALICE,
    NOON,
    TRACE_ID,
    engine_on,
    gate,
    path_of,
    policy_of,
    promote,
)

PROMOTION = "application/vnd.floe.promotion.v1+json"
Opener = Callable[..., DistributionRegistry]


def record_manifest(place: Place, environment: str) -> Manifest:
    manifest = place.registry.fetch(Tag(f"floe-head.{environment}"))
    assert manifest is not None
    return manifest


@pytest.mark.requirement("FR-027")
def test_record_has_operator_action_time_and_rules(place: Place, engine: Engine) -> None:
    artifact = image(b"recorded")
    place.push(artifact, "v1.0.0-dev")

    record = promote(engine, "v1.0.0", "staging").record

    assert isinstance(record, PromotionRecord)
    assert record.artifact_digest == str(artifact.manifest.digest)
    assert record.artifact_tag == "v1.0.0-staging"
    assert record.version == "v1.0.0"
    assert (record.source_environment, record.target_environment) == ("dev", "staging")
    assert [(g.gate, g.status) for g in record.gate_results] == [
        (GateKind.POLICY_COMPLIANCE, GateStatus.PASSED)
    ]
    assert (record.signature_verified, record.signature_status.enforcement) == (False, "off")
    assert (record.operator, record.operator_id) == (ALICE.name, ALICE.id)
    assert (record.identity_source, record.identity_verified) == (ALICE.source, True)
    assert record.authorization_passed
    assert record.authorized_via == "staging requires no authorization"
    assert NOON < record.promoted_at < NOON + timedelta(minutes=1)
    assert (record.trace_id, record.policy_digest) == (TRACE_ID, policy_of().digest)
    assert (record.dry_run, record.approvals, record.warnings) == (False, (), ())
    assert (record.registry_sync, record.previous) == ((), None)


@pytest.mark.requirement("FR-023")
@pytest.mark.requirement("FR-027")
def test_record_manifest_blob_annotations_and_tags_agree(place: Place, engine: Engine) -> None:
    artifact = image(b"hung on")
    place.push(artifact, "v1.0.0-dev")

    record = promote(engine, "v1.0.0", "staging").record

    assert isinstance(record, PromotionRecord)
    manifest = record_manifest(place, "staging")
    assert place.registry.fetch(Tag("floe-ledger.staging.1")) == manifest
    document = json.loads(manifest.content)
    assert document["artifactType"] == document["config"]["mediaType"] == PROMOTION
    assert document["layers"] == [document["config"]]
    assert document["subject"] == artifact.manifest.descriptor.to_json()
    blob = place.registry.blob(document["config"]["digest"], 1_000_000)
    assert record_from_bytes(blob) == record
    annotations = document["annotations"]
    assert annotations["dev.floe.promotion.promotion_id"] == str(record.promotion_id)
    assert annotations["dev.floe.promotion.operator"] == ALICE.name
    assert annotations["dev.floe.ledger.environment"] == "staging"
    assert annotations["dev.floe.ledger.sequence"] == "1"
    assert annotations["dev.floe.state.version"] == "v1.0.0"
    assert annotations["dev.floe.state.digest"] == str(artifact.manifest.digest)
    assert annotations["dev.floe.state.record"] == str(record.promotion_id)
    assert annotations["dev.floe.state.locked"] == "false"


@pytest.mark.requirement("FR-023")
def test_artifact_itself_gets_no_annotation(place: Place, engine: Engine) -> None:
    artifact = image(b"untouched", annotations={"org.opencontainers.image.source": "x"})
    place.push(artifact, "v1.0.0-dev")

    promote(engine, "v1.0.0", "staging")

    assert place.registry.fetch(Tag("v1.0.0-staging")) == artifact.manifest


@pytest.mark.requirement("FR-027")
def test_records_are_referrers_of_the_artifact(place: Place, engine: Engine) -> None:
    artifact = image(b"listed")
    place.push(artifact, "v1.0.0-dev")

    promote(engine, "v1.0.0", "staging")
    promote(engine, "v1.0.0", "prod")

    listed = place.registry.referrers(artifact.manifest.digest, PROMOTION)
    records = {str(record_manifest(place, e).digest) for e in ("staging", "prod")}
    assert {descriptor.digest for descriptor in listed} == records
    assert {d.annotations["dev.floe.promotion.target_environment"] for d in listed} == {
        "staging",
        "prod",
    }


def test_fallback_index_lists_the_record_for_every_client(
    registry_host: str, repository: str, opened: Opener, tmp_path: Path
) -> None:
    artifact = image(b"raw")
    raw.push(registry_host, repository, artifact, "v1.0.0-dev")

    with engine_on(opened(registry_host, repository), tmp_path) as engine:
        promote(engine, "v1.0.0", "staging")

    tag = f"sha256-{artifact.manifest.digest.hex}"
    url = f"http://{registry_host}/v2/{repository}/manifests/{tag}"
    index = httpx.get(url, headers={"Accept": IMAGE_INDEX}).raise_for_status().json()
    assert [entry["artifactType"] for entry in index["manifests"]] == [PROMOTION]
    assert index["manifests"][0]["annotations"]["dev.floe.promotion.version"] == "v1.0.0"


@pytest.mark.requirement("FR-027")
def test_records_form_a_chain_that_carries_the_state(place: Place, engine: Engine) -> None:
    artifacts = {version: image(version.encode()) for version in ("v1.0.0", "v2.0.0", "v3.0.0")}
    for version, artifact in artifacts.items():
        place.push(artifact, f"{version}-dev")
        promote(engine, version, "staging")

    newest, middle, oldest = engine.history("staging")

    assert (newest.sequence, middle.sequence, oldest.sequence) == (3, 2, 1)
    assert (newest.previous, middle.previous) == (middle.digest, oldest.digest)
    assert dict(newest.ancestors) == {2: middle.digest}
    assert dict(oldest.ancestors) == {}
    assert isinstance(newest.record, PromotionRecord)
    assert newest.record.previous is not None
    assert newest.record.previous.version == "v2.0.0"
    assert newest.record.previous.digest == str(artifacts["v2.0.0"].manifest.digest)
    assert newest.state.before == str(artifacts["v2.0.0"].manifest.digest)


def test_status_shows_the_running_versions(place: Place, engine: Engine) -> None:
    artifact = image()
    place.push(artifact, "v1.0.0-dev")
    record = promote(engine, "v1.0.0", "staging").record

    dev, staging, prod = engine.status()

    assert record is not None
    assert (dev.alignment, prod.alignment) == (Alignment.EMPTY, Alignment.EMPTY)
    assert staging.alignment is Alignment.ALIGNED
    assert staging.state.version == "v1.0.0"
    assert staging.state.digest == str(artifact.manifest.digest)
    assert (staging.state.record, staging.state.operator) == (record.id, ALICE.name)


@pytest.mark.requirement("FR-011")
@pytest.mark.requirement("FR-012")
def test_record_holds_the_result_of_every_gate_of_that_environment(
    place: Place, tmp_path: Path
) -> None:
    place.push(image(), "v1.0.0-dev")
    checks = (
        gate(sys.executable, "-c", "pass"),
        gate(sys.executable, "-c", "print('cheap')", kind=GateKind.COST_ANALYSIS),
    )
    path = path_of("dev", Environment("staging", gates=checks), "prod")

    with engine_on(place.registry, tmp_path, path) as engine:
        staged = promote(engine, "v1.0.0", "staging").record
        released = promote(engine, "v1.0.0", "prod").record

    assert isinstance(staged, PromotionRecord)
    assert isinstance(released, PromotionRecord)
    assert [(g.gate.value, g.status.value) for g in staged.gate_results] == [
        ("policy_compliance", "passed"),
        ("tests", "passed"),
        ("cost_analysis", "passed"),
    ]
    assert [g.gate for g in released.gate_results] == [GateKind.POLICY_COMPLIANCE]


@pytest.mark.requirement("FR-006")
@pytest.mark.requirement("FR-011")
def test_failed_gate_stops_the_promotion_and_all_results_are_shown(
    place: Place, tmp_path: Path
) -> None:
    place.push(image(), "v1.0.0-dev")
    checks = (
        gate(sys.executable, "-c", "raise SystemExit('three tests fail')"),
        gate(sys.executable, "-c", "pass", kind=GateKind.COST_ANALYSIS),
    )
    path = path_of("dev", Environment("staging", gates=checks))

    with engine_on(place.registry, tmp_path, path) as engine:
        result = promote(engine, "v1.0.0", "staging")

    assert result.error is not None
    assert result.error.exit_code == 8
    assert "Gate 'tests' failed" in str(result.error)
    assert [(g.gate.value, g.status.value) for g in result.plan.gate_results] == [
        ("policy_compliance", "passed"),
        ("tests", "failed"),
        ("cost_analysis", "passed"),
    ]
    assert [str(tag) for tag in place.registry.tags()] == ["v1.0.0-dev"]


@pytest.mark.requirement("FR-010")
def test_content_that_failed_its_own_policies_is_refused_without_any_gate(
    place: Place, tmp_path: Path
) -> None:
    compiled = image(
        b'{"enforcement_result": {"passed": false}}',
        layer_type="application/vnd.floe.compiled-artifacts.v1+json",
    )
    place.push(compiled, "v1.0.0-dev")
    ran = tmp_path / "ran"
    checks = (gate(sys.executable, "-c", f"open({str(ran)!r}, 'w')"),)
    path = path_of("dev", Environment("staging", gates=checks))

    with engine_on(place.registry, tmp_path, path) as engine:
        result = promote(engine, "v1.0.0", "staging")

    assert result.error is not None
    assert result.error.exit_code == 8
    assert [g.status.value for g in result.plan.gate_results] == ["failed", "skipped"]
    assert not ran.exists()
    assert [str(tag) for tag in place.registry.tags()] == ["v1.0.0-dev"]


@pytest.mark.requirement("FR-026")
@pytest.mark.parametrize("sequence", ["-1", "0", "1", "2", "7", "x"])
def test_foreign_referrer_is_no_record(place: Place, engine: Engine, sequence: str) -> None:
    artifact = image(b"forged")
    for version, content in (("v1.0.0", artifact), ("v2.0.0", image(b"newer"))):
        place.push(content, f"{version}-dev")
        promote(engine, version, "staging")
    annotations = json.loads(record_manifest(place, "staging").content)["annotations"]
    annotations |= {
        "dev.floe.ledger.sequence": sequence,
        "dev.floe.promotion.artifact_digest": str(artifact.manifest.digest),
        "dev.floe.promotion.version": "v3.0.0",
    }
    forged = referrer(artifact.manifest, PROMOTION, b"forged", annotations)
    place.push(forged, None)
    described = forged.manifest.descriptor.model_copy(update={"artifact_type": PROMOTION})
    place.registry.attach(artifact.manifest.digest, described)
    place.push(artifact, "v3.0.0-staging")

    believed = promote(engine, "v1.0.0", "staging").error
    not_believed = promote(engine, "v3.0.0", "prod").error

    assert believed is not None
    assert "was promoted there before" in str(believed)
    assert not_believed is not None
    assert not_believed.exit_code == 11
