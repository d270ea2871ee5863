"""The independent test of each user story in docs/requirements.md (US1 … US12)."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.builders import Artifact
from tests.peers import docker_registry as docker
from tests.peers import raw
from tests.scanners.scans import trivy, vulnerability
from tests.scenarios.stories import Company, Story, company
from tests.signatures.sigstore_kit.formats import b64, pem, sign, simple_signing
from tests.signatures.sigstore_kit.repository import Layer, signature_image
from tests.webhooks.webhook_kit import Sink

pytestmark = pytest.mark.timeout(300)
TO_STAGING = "floe platform promote v1.2.3 --from=dev --to=staging"
TO_PROD = "floe platform promote v1.2.3 --from=staging --to=prod"
TESTED = "{name: dev}, {name: staging}, {name: prod, gates: {tests: true}}"
GUARDED = "{name: dev}, {name: staging}, {name: prod, authorization: %s}"


@pytest.fixture
def story(tmp_path: Path, registry_host: str, repository: str) -> Story:
    """dev, staging and prod without rules."""
    made = Story(tmp_path, registry_host, repository)
    made.configure()
    return made


@pytest.fixture
def people() -> Iterator[Company]:
    with company() as made:
        yield made


def promote(story: Story, version: str) -> Artifact:
    """Publish `version` and promote it to prod."""
    artifact = story.publish(version, memory=1 if version == "v1.2.2" else "1Gi")
    for target in ("staging", "prod"):
        done = story.type(f"floe platform promote {version} --to={target}")
        assert done.code == 0, done.err
    return artifact


def test_us1_artifact_is_promoted_to_the_next_environment(story: Story) -> None:
    digest = str(story.publish("v1.2.3").manifest.digest)

    done = story.type("floe platform promote v1.2.3 --from=dev --to=staging")

    assert done.code == 0, done.err
    assert story.digest("v1.2.3-staging") == digest
    assert story.digest("latest-staging") == digest
    [record] = story.records("staging")
    assert (record["kind"], record["artifact_digest"]) == ("promotion", digest)


def test_us2_dry_run_shows_gates_time_and_blockers_without_tags(story: Story) -> None:
    gate_commands = "gate_commands: {tests: 'true'}"
    story.configure(TESTED, gate_commands)
    promote(story, "v1.2.2")
    story.publish("v1.2.3")
    assert story.type(TO_STAGING).code == 0
    before = story.tags()

    free = story.type("floe platform promote v1.2.3 --from=staging --to=prod --dry-run")
    story.configure(TESTED, f"{gate_commands}\n    policies: [{{name: small, rule: 'false'}}]")
    blocked = story.type("floe platform promote v1.2.3 --from=staging --to=prod --dry-run")

    assert (free.code, blocked.code) == (0, 8)
    assert re.search(r"tests: not run in a dry run; usually takes .* s, at most 300 s", free.out)
    assert "Promotion would succeed" in free.out
    assert "BLOCKED: Policy compliance gate would fail" in blocked.out
    assert story.tags() == before


def test_us3_production_returns_to_an_earlier_version(story: Story) -> None:
    digest = str(promote(story, "v1.2.2").manifest.digest)
    newer = str(promote(story, "v1.2.3").manifest.digest)

    impact = story.type("floe platform rollback v1.2.2 --env=prod --dry-run")
    done = story.answer("floe platform rollback v1.2.2 --env=prod", "checkout fails")

    assert "Changed type: memory (str -> int)" in impact.out
    assert done.code == 0, done.err
    assert story.digest("latest-prod") == digest
    assert (story.digest("v1.2.2-prod"), story.digest("v1.2.3-prod")) == (digest, newer)
    record = story.records("prod")[0]
    assert (record["kind"], record["version"]) == ("rollback", "v1.2.2")
    assert record["reason"] == "checkout fails"


def test_us4_status_shows_versions_and_times_of_all_environments(story: Story) -> None:
    promote(story, "v1.2.2")
    story.publish("v1.2.3")
    assert story.type(TO_STAGING).code == 0

    status = story.type("floe platform status")
    details = story.type("floe platform status --env=prod --history=5")

    when = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"
    for row in (r"dev +v1\.2\.3", r"staging +v1\.2\.3 +sha256:", r"prod +v1\.2\.2 +sha256:"):
        assert re.search(f"^{row}", status.out, re.MULTILINE), status.out
    assert len(re.findall(when, status.out)) == 2
    assert re.search(rf"^{when} +promotion +prod +v1\.2\.2", details.out, re.MULTILINE)


def test_us5_artifact_changed_after_signing_is_not_used(story: Story) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    (story.folder / "release.pub").write_bytes(pem(key))
    story.configure(verification="{public_keys: [release.pub], enforcement: enforce}")
    signed = story.publish("v1.2.3")
    signature = signed_by(key, signed)
    attach(story, signed, signature)

    good = story.type("floe artifact pull v1.2.3 --to=good")
    tampered = story.publish("v1.2.3", backdoor=True)
    attach(story, tampered, signature)
    pulled = story.type("floe artifact pull v1.2.3 --to=platform")
    promoted = story.type(TO_STAGING)

    assert (good.code, pulled.code, promoted.code) == (0, 6, 6)
    assert "Signature verified" in good.out
    assert "Signature verification failed" in pulled.err
    assert "Signature verification failed" in promoted.err
    assert not (story.folder / "platform").exists()
    assert story.digest("v1.2.3-staging") is None


def signed_by(key: ec.EllipticCurvePrivateKey, artifact: Artifact) -> Artifact:
    """Return the signature that cosign would attach to `artifact`."""
    payload = simple_signing(str(artifact.manifest.digest))
    said = {"dev.cosignproject.cosign/signature": b64(sign(key, payload))}
    return signature_image(Layer(payload, said))


def attach(story: Story, artifact: Artifact, signature: Artifact) -> None:
    tag = f"{str(artifact.manifest.digest).replace(':', '-')}.sig"
    raw.push(story.host, story.repository, signature, tag)


def test_us6_promotion_reaches_both_registries(story: Story, tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir()
    with docker.docker_registry(tmp_path / "backup") as backup:
        uri = f"oci://{backup.host}/{story.repository}"
        story.configure(promotion=f'secondary_registries: [{{uri: "{uri}"}}]')
        digest = str(story.publish("v1.2.3").manifest.digest)

        done = story.type("floe platform promote v1.2.3 --from=dev --to=staging")

        assert done.code == 0, done.err
        for tag in ("v1.2.3-staging", "latest-staging"):
            assert story.digest(tag) == digest
            assert raw.digest(backup.host, story.repository, tag) == digest
    [synced] = story.records("staging")[0]["registry_sync"]
    assert synced["status"] == "synced"


def test_us7_pipeline_reads_json_and_exit_code(story: Story) -> None:
    digest = str(story.publish("v1.2.3").manifest.digest)

    done = story.type("floe platform promote v1.2.3 --from=dev --to=staging --output=json")
    status = story.type("floe platform status --output=json")

    answer = done.document
    assert done.code == 0
    assert (answer["success"], answer["error"]) == (True, None)
    assert answer["promotion_id"] == story.records("staging")[0]["promotion_id"]
    assert answer["artifact_digest"] == digest
    assert [gate["status"] for gate in answer["gate_results"]] == ["passed"]
    assert re.fullmatch("[0-9a-f]{32}", answer["trace_id"])
    assert [row["environment"] for row in status.document] == ["dev", "staging", "prod"]


def test_us8_locked_environment_takes_no_promotion(story: Story) -> None:
    story.publish("v1.2.3")
    assert story.type(TO_STAGING).code == 0

    locked = story.type('floe platform lock --env=prod --reason="Incident #123"')
    refused = story.type(TO_PROD)
    status = story.type("floe platform status")
    unlocked = story.type('floe platform unlock --env=prod --reason="Incident resolved"')
    promoted = story.type(TO_PROD)

    codes = [ended.code for ended in (locked, refused, unlocked, promoted)]
    assert codes == [0, 13, 0, 0]
    assert "Environment 'prod' is locked. Reason: Incident #123. Locked by: " in refused.err
    assert re.search(r"^prod .*locked by .*: Incident #123$", status.out, re.MULTILINE)
    kinds = [record["kind"] for record in story.records("prod")]
    assert kinds == ["promotion", "unlock", "refusal", "lock"]


def test_us9_promotion_and_rollback_call_the_webhook(story: Story) -> None:
    with Sink() as sink:
        story.configure(promotion=f"webhooks: [{{url: '{sink.url()}'}}]")
        promote(story, "v1.2.2")
        promote(story, "v1.2.3")
        done = story.type("floe platform rollback v1.2.2 --env=prod --reason=INC-9")
        sent = [json.loads(request.body) for request in sink.seen("POST", "/hook")]

    assert done.code == 0, done.err
    assert [each["event_type"] for each in sent] == ["promote"] * 4 + ["rollback"]
    promoted, rolled_back = sent[3], sent[4]
    record = story.records("prod")[1]
    assert promoted["promotion_id"] == record["promotion_id"]
    assert promoted["artifact_tag"] == "v1.2.3-prod"
    assert (promoted["source_env"], promoted["target_env"]) == ("staging", "prod")
    assert promoted["operator"] == record["operator"]
    assert promoted["timestamp"]
    assert rolled_back["reason"] == "INC-9"
    assert rolled_back["impact_analysis"]["versions_undone"] == ["v1.2.3"]


def test_us10_only_members_of_the_group_promote_to_production(
    story: Story, people: Company
) -> None:
    story.configure(GUARDED % "{allowed_groups: [platform-admins]}", identity=people.identity)
    story.publish("v1.2.3")
    staged = story.type(TO_STAGING, people.token("dev", "developers"))

    refused = story.type(TO_PROD, people.token("dev", "developers"))
    admitted = story.type(TO_PROD, people.token("ada", "platform-admins"))

    assert (staged.code, refused.code, admitted.code) == (0, 12, 0)
    assert (
        "Unauthorized: Operator 'dev@acme.com' is not authorized to promote to 'prod'. "
        "Required groups: [platform-admins]"
    ) in refused.err
    promotion, refusal = story.records("prod")
    assert promotion["authorization_passed"]
    assert promotion["authorized_via"] == "group platform-admins"
    assert (refusal["kind"], refusal["operator"]) == ("refusal", "dev@acme.com")


def test_us11_one_operator_does_not_promote_all_the_way(story: Story, people: Company) -> None:
    story.configure(GUARDED % "{separation_of_duties: true}", identity=people.identity)
    story.publish("v1.2.3")
    staged = story.type(TO_STAGING, people.token("platform"))

    same = story.type(TO_PROD, people.token("platform"))
    other = story.type(TO_PROD, people.token("ada"))

    assert (staged.code, same.code, other.code) == (0, 12, 0)
    assert (
        "Separation of duties violation: Operator 'platform@acme.com' promoted this artifact to "
        "staging and cannot also promote to prod"
    ) in same.err
    promotion, refusal = story.records("prod")
    assert promotion["operator"] == "ada@acme.com"
    assert (refusal["kind"], refusal["rule"]) == ("refusal", "separation_of_duties")


def test_us12_only_vulnerabilities_above_the_threshold_block(story: Story) -> None:
    report = story.folder / "report.json"
    scan = f"command: [cat, '{report}'], block_on_severity: [CRITICAL, HIGH]"
    story.configure(
        f"{{name: dev}}, {{name: staging, gates: {{security_scan: {{{scan}}}}}}}, {{name: prod}}"
    )
    story.publish("v1.2.3")
    medium, high = vulnerability("CVE-2026-1", Severity="MEDIUM"), vulnerability(Severity="HIGH")

    report.write_text(json.dumps(trivy(medium, {**high, "VulnerabilityID": "CVE-2026-2"})))
    refused = story.type("floe platform promote v1.2.3 --from=dev --to=staging")
    report.write_text(json.dumps(trivy(medium)))
    promoted = story.type("floe platform promote v1.2.3 --from=dev --to=staging")

    assert (refused.code, promoted.code) == (8, 0)
    assert "blocking: CVE-2026-2" in refused.err
    assert "WARNING: 1 MEDIUM: CVE-2026-1" in promoted.err
    [record] = story.records("staging")
    [result] = [gate for gate in record["gate_results"] if gate["gate"] == "security_scan"]
    assert (result["status"], result["error"]) == ("warning", "1 MEDIUM: CVE-2026-1")
    assert result["security_summary"]["medium_count"] == 1
