"""The findings of a scan are kept in the registry with the record."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.adapters.signing.pem import generate_key
from engine.domain.artifact import Digest
from engine.domain.manifest import IMAGE_MANIFEST
from engine.domain.scan import ScanFindings
from tests.scanners.scans import trivy, vulnerability
from tests.scenarios.stories import Story, company

pytestmark = pytest.mark.timeout(300)
PROMOTE = "floe platform promote v1.0.0 --to staging"


@pytest.fixture
def story(tmp_path: Path, registry_host: str, repository: str) -> Story:
    return Story(tmp_path, registry_host, repository)


def scanned(story: Story, approvals: str = "", promotion: str = "", more: str = "") -> None:
    """A platform whose staging scans with the report in `report.json`."""
    scan = f"gates: {{security_scan: {{command: [cat, '{story.folder}/report.json']}}}}"
    story.configure(
        f"{{name: dev}}, {{name: staging, {scan}{approvals}}}, {{name: prod}}",
        promotion,
        identity=more,
    )


def report(story: Story, *ids: str, severity: str = "MEDIUM") -> None:
    found = trivy(*(vulnerability(each, Severity=severity) for each in ids))
    (story.folder / "report.json").write_text(json.dumps(found))


def kept(story: Story, record: dict[str, Any]) -> list[str]:
    """Read the ids of the findings that `record` names, as a stranger does."""
    [scan] = [each for each in record["gate_results"] if each["gate"] == "security_scan"]
    digest = scan["security_summary"]["findings"]
    tag = f"floe-findings.{Digest(digest).hex}"
    base = f"http://{story.host}/v2/{story.repository}"
    manifest = httpx.get(f"{base}/manifests/{tag}", headers={"Accept": IMAGE_MANIFEST}).json()
    assert [layer["digest"] for layer in manifest["layers"]] == [digest]
    document = ScanFindings.decode(httpx.get(f"{base}/blobs/{digest}").content)
    return [finding.id for finding in document.findings]


def test_promotion_keeps_the_findings(story: Story) -> None:
    scanned(story)
    story.publish("v1.0.0")
    report(story, "CVE-1", "CVE-2")

    done = story.type(PROMOTE)

    assert done.code == 0, done.err
    assert kept(story, story.records("staging")[0]) == ["CVE-1", "CVE-2"]
    assert story.type("floe platform audit verify").code == 0


def test_findings_wait_for_the_approval(story: Story) -> None:
    with company() as people:
        ann, bob = people.token("ann"), people.token("bob")
        scanned(story, ", approvals: {required: 1}", more=people.identity)
        ask_and_approve(story, ann, bob)

    assert kept(story, story.records("staging")[0]) == ["CVE-1"]


def ask_and_approve(story: Story, ann: str, bob: str) -> None:
    (story.folder / ".floe").mkdir()
    story.publish("v1.0.0")
    report(story, "CVE-1")
    asked = story.type(f"{PROMOTE} --output=json", ann)
    assert asked.code == 14, asked.err
    assert not [tag for tag in story.tags() if tag.startswith("floe-findings")]
    report(story, "CVE-2")

    done = story.type(f"floe platform approve {asked.document['change_id']}", bob)

    assert done.code == 0, done.err


def test_refused_promotion_keeps_nothing(story: Story) -> None:
    scanned(story)
    story.publish("v1.0.0")
    report(story, "CVE-1", severity="CRITICAL")

    refused = story.type(PROMOTE)

    assert refused.code == 8
    assert not [tag for tag in story.tags() if tag.startswith("floe-findings")]


def test_copies_and_exports_have_the_findings(story: Story) -> None:
    layout = story.folder / "copy"
    (story.folder / "log.key").write_bytes(generate_key("ed25519").private_pem())
    more = "ledger: {checkpoint: {key: file:log.key}}"
    copies = f"secondary_registries: [{{uri: 'oci-layout:{layout}'}}]"
    scanned(story, more=more, promotion=copies)
    story.publish("v1.0.0")
    report(story, "CVE-1")

    assert story.type(PROMOTE).code == 0

    [scan] = story.records("staging")[0]["gate_results"][1:]
    digest = Digest(scan["security_summary"]["findings"])
    assert (layout / "blobs/sha256" / digest.hex).exists()
    assert f"floe-findings.{digest.hex}" in (layout / "index.json").read_text()
    exported = story.type(f"floe platform audit export {story.folder}/out")
    assert exported.code == 0, exported.err
    assert (story.folder / "out/staging/blobs/sha256" / digest.hex).exists()
