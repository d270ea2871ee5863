"""Cards name the signed OpenVEX document that cleared a finding, and those that were ignored."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.domain.change import ChangeState
from tests.bot.stage import ALICE, BOB, Stage, block_text, stage_in
from tests.builders import image
from tests.waivers.attaching import OTHER, attach, signed, trust_key, unsigned
from tests.waivers.kit import CVE, report

SUBJECT = image(b"v1.0.0").manifest
GATES = "security_scan: {scanner_format: trivy, command: [cat, report.json]}"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    (tmp_path / "report.json").write_text(report(CVE))
    with stage_in(tmp_path, gate=GATES, registry=trust_key(tmp_path)) as built:
        yield built


def test_card_and_approval_request_name_the_document(stage: Stage) -> None:
    source = attach(stage.folder, signed(SUBJECT))

    change = stage.waiting_change("v1.0.0")

    shown = f"1 cleared by OpenVEX document {source}: not_affected, component_not_present: {CVE}"
    assert shown in block_text(stage.approval_request(change))
    stage.eventually(lambda: block_text(stage.card()).count(shown) == 1)
    stage.click("floe_approve", change.id, BOB)
    stage.change(ChangeState.PROMOTED)
    stage.eventually(lambda: "Promoted" in block_text(stage.card()))
    assert block_text(stage.card()).count(shown) == 1


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (unsigned(SUBJECT), "it is not signed"),
        (signed(SUBJECT, OTHER), "made with none of the 1 configured public keys"),
    ],
)
def test_card_of_a_blocked_change_names_the_ignored_document(stage, document, why):
    source = attach(stage.folder, document)

    assert stage.command("/promote v1.0.0 prod", ALICE).status == 200

    change = stage.change(ChangeState.BLOCKED)
    shown = f"OpenVEX document ignored: {source}: {why}"
    stage.eventually(lambda: shown in block_text(stage.card()))
    assert CVE in block_text(stage.card())
    assert stage.find_approval_request(change) is None
