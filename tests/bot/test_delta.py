"""Approvers see the differences from the running version beside the buttons."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.block_kit_limits import message_problems
from bot.blocks.newer_blocks import without_newer_blocks
from bot.blocks.thread import approval_request
from engine.domain.change import ChangeState
from engine.domain.gate import Severity
from engine.domain.impact.delta import (
    Delta,
    PackageChange,
    PackageDelta,
    Vulnerability,
    VulnerabilityDelta,
)
from engine.domain.record import Previous
from tests.bot.samples import HOSTILE, RENDERING, sample
from tests.bot.stage import BOB, Stage, block_text, stage_in
from tests.scanners.scans import trivy, vulnerability

DIGEST = f"sha256:{'1' * 64}"


@pytest.fixture
def scanning(tmp_path: Path) -> Iterator[Stage]:
    """A platform whose prod scans with the report in `report.json`."""
    report(tmp_path, "CVE-1", "CVE-2")
    gate = f"security_scan: {{command: [cat, '{tmp_path}/report.json']}}"
    with stage_in(tmp_path, gate=gate) as stage:
        yield stage


def report(folder: Path, *ids: str) -> None:
    found = trivy(*(vulnerability(each, Severity="LOW") for each in ids))
    (folder / "report.json").write_text(json.dumps(found))


def test_approval_request_tells_new_and_fixed_vulnerabilities(scanning: Stage) -> None:
    first = scanning.waiting_change("v1.0.0")
    assert "Changes from" not in block_text(scanning.approval_request(first))
    scanning.click("floe_approve", first.id, BOB)
    scanning.change(ChangeState.PROMOTED, "v1.0.0")
    report(scanning.folder, "CVE-2", "CVE-3")

    shown = block_text(scanning.approval_request(scanning.waiting_change("v2.0.0")))

    assert "*Changes from v1.0.0*" in shown
    assert "1 new (CVE-3 LOW bash), 1 fixed (CVE-1), 1 unchanged" in shown


def test_untrusted_names_mention_no_one_and_fit() -> None:
    bad = Vulnerability(id=HOSTILE, package=HOSTILE, version="1", severity=Severity.LOW, fixed=True)
    many = VulnerabilityDelta(
        new_count=9, fixed_count=9, unchanged_count=0, new=(bad,) * 9, fixed=(bad,) * 9
    )
    changed = (PackageChange(HOSTILE, HOSTILE, HOSTILE),) * 9
    delta = Delta(
        running=Previous(version=HOSTILE, digest=DIGEST),
        digest=DIGEST,
        vulnerabilities=many,
        packages=PackageDelta(added_count=0, removed_count=0, upgraded_count=9, listed=changed),
        compare_url="https://github.com/acme/shop/compare/a...b",
        size_bytes=-1_500_000,
        unknown=(HOSTILE,) * 3,
    )
    change = sample(ChangeState.AWAITING_APPROVAL).model_copy(update={"delta": delta})

    shown = approval_request(change, RENDERING, "<@U1>").arguments

    assert message_problems(shown) == []
    shown["blocks"] = without_newer_blocks(shown["blocks"])
    assert message_problems(shown) == []
    assert "<!channel>" not in json.dumps(shown)
    assert "<https://evil" not in json.dumps(shown)
    assert "<https://github.com/acme/shop/compare/a...b|commits>" in json.dumps(shown)
    assert "*size* -1.5 MB" in json.dumps(shown)
