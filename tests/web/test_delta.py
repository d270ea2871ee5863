"""The page of a change shows the differences from the running version."""

import json
from pathlib import Path

from engine.responses.change import ChangeResponse
from tests.builders import image
from tests.scanners.scans import trivy, vulnerability
from tests.web.stage import BOB, PROXY, Stage, stage_in

SOURCE = "https://github.com/acme/shop"


def report(folder: Path, *ids: str) -> None:
    found = trivy(*(vulnerability(each, package="<b>", Severity="LOW") for each in ids))
    (folder / "report.json").write_text(json.dumps(found))


def publish(stage: Stage, version: str, revision: str) -> None:
    said = {
        "org.opencontainers.image.source": SOURCE,
        "org.opencontainers.image.revision": revision,
    }
    stage.publish(version, artifact=image(version.encode(), annotations=said))


def test_page_and_api_show_the_differences(tmp_path: Path) -> None:
    commands = 'gate_commands: {tests: "true"}'
    scan = f"gates: {{security_scan: {{command: [cat, '{tmp_path}/report.json']}}}}"
    edit = (commands, f"compare_builds: true\n    {scan}\n    {commands}")
    with stage_in(tmp_path, PROXY, edit=edit) as stage:
        for version, revision, ids in (
            ("v1.0.0", "a" * 40, ("CVE-1",)),
            ("v1.1.0", "b" * 40, ("CVE-2",)),
        ):
            publish(stage, version, revision)
            report(tmp_path, *ids)
            stage.ask(version, "staging")
            change = stage.ask(version, "prod")
            if version == "v1.0.0":
                stage.post(f"/changes/{change.id}/approve", BOB, f"/changes/{change.id}")
                stage.settle(change.id)

        page = stage.get(f"/changes/{change.id}", BOB)
        document = ChangeResponse.of(stage.platform.changes.get(change.id)).document()

    assert "<h2>Changes from v1.0.0</h2>" in page
    assert "1 new (CVE-2 LOW &lt;b&gt;), 1 fixed (CVE-1), 0 unchanged" in page
    link = f"{SOURCE}/compare/{'a' * 40}...{'b' * 40}"
    assert f'<a href="{link}" rel="noreferrer">commits</a>' in page
    assert document["delta"]["compare_url"] == link
    assert document["delta"]["vulnerabilities"]["new"][0]["id"] == "CVE-2"
