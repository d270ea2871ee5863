"""A promotion shows the differences from the running version, and a rollback is compared."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.domain.manifest import IMAGE_INDEX, IMAGE_MANIFEST, Manifest
from engine.domain.scan import MAX_FINDINGS
from tests.builders import descriptor, image, referrer
from tests.peers import raw
from tests.scanners.scans import trivy, vulnerability
from tests.scenarios.stories import Story, company

pytestmark = pytest.mark.timeout(300)
CYCLONEDX = "application/vnd.cyclonedx+json"
SOURCE = "https://github.com/acme/shop"
PROMOTE = "floe platform promote {} --to staging"


@pytest.fixture
def story(tmp_path: Path, registry_host: str, repository: str) -> Story:
    made = Story(tmp_path, registry_host, repository)
    configure(made, scan(made))
    return made


def scan(story: Story, rules: str = "") -> str:
    return f"security_scan: {{command: [cat, '{story.folder}/report.json']{rules}}}"


def configure(story: Story, gates: str, promotion: str = "") -> None:
    staging = f"{{name: staging, gates: {{{gates}}}}}"
    story.configure(f"{{name: dev}}, {staging}, {{name: prod}}", promotion)


def report(story: Story, **severities: str) -> None:
    found = [vulnerability(name.replace("_", "-"), Severity=s) for name, s in severities.items()]
    (story.folder / "report.json").write_text(json.dumps(trivy(*found)))


def promote(story: Story, version: str, **severities: str) -> Any:
    report(story, **severities)
    done = story.type(PROMOTE.format(version) + " --output=json")
    assert done.code == 0, done.out
    return done.document


def two_versions(story: Story) -> Any:
    """Promote v1.0.0 and v1.1.0, which has a fix and a new vulnerability."""
    story.publish("v1.0.0")
    story.publish("v1.1.0")
    promote(story, "v1.0.0", CVE_1="MEDIUM", CVE_2="LOW")
    return promote(story, "v1.1.0", CVE_2="LOW", CVE_3="MEDIUM")


def test_promotion_tells_new_and_fixed_vulnerabilities(story: Story) -> None:
    done = two_versions(story)

    found = done["delta"]["vulnerabilities"]
    assert [each["id"] for each in found["new"]] == ["CVE-3"]
    assert [each["id"] for each in found["fixed"]] == ["CVE-1"]
    assert found["unchanged_count"] == 1
    assert done["delta"]["running"]["version"] == "v1.0.0"
    assert done["delta"]["digest"] == done["artifact_digest"]


def test_first_promotion_has_nothing_to_compare(story: Story) -> None:
    story.publish("v1.0.0")

    assert "delta" not in promote(story, "v1.0.0", CVE_1="LOW")


def test_dry_run_compares_the_scan_of_the_source(story: Story) -> None:
    gates = f"gates: {{{scan(story)}}}"
    story.configure(f"{{name: dev}}, {{name: staging, {gates}}}, {{name: prod, {gates}}}")
    story.publish("v1.0.0")
    story.publish("v1.1.0")
    promote(story, "v1.0.0", CVE_1="LOW")
    assert story.type("floe platform promote v1.0.0 --to prod").code == 0
    promote(story, "v1.1.0", CVE_2="LOW")

    planned = story.type("floe platform promote v1.1.0 --to prod --dry-run")

    assert "Changes from v1.0.0:" in planned.out
    assert "  vulnerabilities: 1 new (CVE-2 LOW bash), 1 fixed (CVE-1), 0 unchanged" in planned.out


def test_missing_scan_is_named(story: Story) -> None:
    story.configure()
    story.publish("v1.0.0")
    assert story.type(PROMOTE.format("v1.0.0")).code == 0
    configure(story, scan(story))
    story.publish("v1.1.0")

    done = promote(story, "v1.1.0", CVE_1="LOW")

    assert done["delta"]["vulnerabilities"] is None
    assert done["delta"]["unknown"] == ["no scan is kept for v1.0.0"]


def test_rollback_to_a_worse_version_is_blocked(story: Story) -> None:
    """v1.0.0 was promoted before its vulnerability was known to be critical."""
    story.publish("v1.0.0")
    story.publish("v1.1.0")
    configure(story, scan(story, ", block_on_severity: []"))
    promote(story, "v1.0.0", CVE_1="CRITICAL", CVE_2="CRITICAL")
    promote(story, "v1.1.0", CVE_2="CRITICAL")
    configure(story, scan(story))

    refused = story.type("floe platform rollback v1.0.0 --env staging --reason INC-1")

    assert refused.code == 8
    assert (
        "v1.0.0 is worse than v1.1.0, which staging runs and which does not have CVE-1 (CRITICAL, "
        "bash). Roll back to another version, or waive it: "
    ) in refused.err
    assert story.digest("latest-staging") == story.digest("v1.1.0-staging")
    until = f"--until {(datetime.now(UTC) + timedelta(days=3)).date()}"
    suggested = refused.err.partition("waive it: ")[2].splitlines()[0].replace("--until …", until)
    assert story.type(suggested).code == 0
    assert story.type("floe platform rollback v1.0.0 --env staging --reason INC-1").code == 0


def test_rollback_to_an_equally_bad_version_is_done(story: Story) -> None:
    story.publish("v1.0.0")
    story.publish("v1.1.0")
    configure(story, scan(story, ", block_on_severity: []"))
    promote(story, "v1.0.0", CVE_2="CRITICAL")
    promote(story, "v1.1.0", CVE_2="CRITICAL", CVE_3="CRITICAL")
    configure(story, scan(story))

    done = story.type("floe platform rollback v1.0.0 --env staging --reason INC-1")

    assert done.code == 0, done.err
    assert "vulnerabilities: 0 new, 1 fixed (CVE-3), 1 unchanged" in done.out


def keep_unknown(story: Story, version: str) -> None:
    """Promote `version` with findings that are too many to keep."""
    found = [vulnerability(f"CVE-{n}", Severity="LOW") for n in range(MAX_FINDINGS + 1)]
    (story.folder / "report.json").write_text(json.dumps(trivy(*found)))
    assert story.type(PROMOTE.format(version)).code == 0


def test_rollback_from_a_version_with_unknown_findings_warns(story: Story) -> None:
    story.publish("v1.0.0")
    story.publish("v1.1.0")
    promote(story, "v1.0.0", CVE_1="LOW")
    keep_unknown(story, "v1.1.0")

    done = story.type("floe platform rollback v1.0.0 --env staging --reason INC-1")

    assert done.code == 0, done.err
    assert "the findings of v1.1.0 are unknown" in done.out + done.err


def test_rollback_to_unknown_findings_needs_break_glass(story: Story) -> None:
    with company() as people:
        staging = f"{{name: staging, gates: {{{scan(story)}}}}}"
        glass = "break_glass: {groups: [sre]}"
        story.configure(f"{{name: dev}}, {staging}", glass, identity=people.identity)
        ann = people.token("ann", "sre")
        story.publish("v1.0.0")
        story.publish("v1.1.0")
        keep_unknown(story, "v1.0.0")
        promote(story, "v1.1.0", CVE_1="LOW")
        line = "floe platform rollback v1.0.0 --env staging --reason down"

        refused = story.type(line, ann)
        done = story.type(f"{line} --break-glass --incident INC-1", ann)

    assert (refused.code, "the findings of v1.0.0 are unknown" in refused.err) == (8, True)
    assert done.code == 0, done.err
    assert "v1.0.0 may be worse than v1.1.0" in done.out + done.err


def test_rollback_without_kept_scans_is_done_as_before(story: Story) -> None:
    story.configure()
    story.publish("v1.0.0")
    story.publish("v1.1.0")
    for version in ("v1.0.0", "v1.1.0"):
        assert story.type(PROMOTE.format(version)).code == 0

    planned = story.type("floe platform rollback v1.0.0 --env staging --dry-run --reason x")
    done = story.type("floe platform rollback v1.0.0 --env staging --reason INC-1")

    assert done.code == 0, done.err
    assert "scan" not in planned.out + done.out


def build(story: Story, version: str, revision: str, size: int, sbom: object) -> None:
    """Publish `version` with annotations and an attached SBOM, as a build does."""
    said = {
        "org.opencontainers.image.source": f"{SOURCE}.git",
        "org.opencontainers.image.revision": revision,
    }
    artifact = image(b"x" * size, annotations=said)
    raw.push(story.host, story.repository, artifact, f"{version}-dev")
    attached = referrer(artifact.manifest, CYCLONEDX, json.dumps(sbom).encode())
    raw.push(story.host, story.repository, attached)
    # This registry has no referrers API, so clients keep the list under a tag.
    listed = descriptor(attached.manifest.content, IMAGE_MANIFEST, artifactType=CYCLONEDX)
    index = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [listed]}
    tag = str(artifact.manifest.digest).replace(":", "-")
    content = Manifest(json.dumps(index).encode(), IMAGE_INDEX)
    raw.put_manifest(story.host, story.repository, content, tag)


def bom(**versions: str) -> object:
    listed = [{"name": name, "version": version} for name, version in versions.items()]
    return {"bomFormat": "CycloneDX", "components": listed}


def test_builds_are_compared_where_it_is_configured(story: Story) -> None:
    configure(story, "", "compare_builds: true")
    build(story, "v1.0.0", "a" * 40, 1_000_000, bom(lodash="1", pad="1"))
    build(story, "v1.1.0", "b" * 40, 3_500_000, bom(lodash="2", left="1"))
    assert story.type(PROMOTE.format("v1.0.0")).code == 0

    planned = story.type(PROMOTE.format("v1.1.0") + " --dry-run")

    assert planned.code == 0, planned.err
    assert (
        "  packages by unsigned SBOMs: 1 added, 1 removed, 1 upgraded (+left 1, lodash 1 → 2, -pad)"
    ) in planned.out
    assert f"  commits: {SOURCE}/compare/{'a' * 40}...{'b' * 40}" in planned.out
    assert "  size: +2.5 MB" in planned.out


def test_builds_are_not_compared_by_default(story: Story) -> None:
    configure(story, "")
    build(story, "v1.0.0", "a" * 40, 1, bom(lodash="1"))
    build(story, "v1.1.0", "b" * 40, 2, bom(lodash="2"))
    assert story.type(PROMOTE.format("v1.0.0")).code == 0

    planned = story.type(PROMOTE.format("v1.1.0") + " --dry-run")

    assert "Changes from" not in planned.out


def test_missing_or_strange_sbom_is_named(story: Story) -> None:
    configure(story, "", "compare_builds: true")
    story.publish("v1.0.0")
    build(story, "v1.1.0", "b" * 40, 2, ["no SBOM"])
    assert story.type(PROMOTE.format("v1.0.0")).code == 0

    planned = story.type(PROMOTE.format("v1.1.0") + " --dry-run")

    assert "  no SBOM is attached to v1.0.0" in planned.out
    assert "  the SBOM of v1.1.0 cannot be read: it is neither CycloneDX nor SPDX 2" in planned.out
