"""The page of a change names the signed OpenVEX document that cleared a finding."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.domain.change import ChangeState
from engine.responses.change import ChangeResponse
from tests.builders import image
from tests.waivers.attaching import OTHER, attach, signed, trust_key, unsigned
from tests.waivers.kit import CVE, report
from tests.web.stage import BOB, PROXY, Stage, stage_in

SUBJECT = image(b"v1.0.0").manifest
URI = 'uri: "oci-layout:./registry"\n'


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    (tmp_path / "report.json").write_text(report(CVE))
    scan = f"scanner_format: trivy, command: [cat, '{tmp_path}/report.json']"
    trusted = (URI, f"{URI}    {trust_key(tmp_path)}\n")
    with stage_in(tmp_path, PROXY, edit=trusted, scan=scan) as built:
        built.publish("v1.0.0")
        built.ask("v1.0.0", "staging")
        yield built


def test_page_names_the_document_before_and_after_the_approval(stage: Stage) -> None:
    source = attach(stage.folder, signed(SUBJECT))
    shown = f"1 cleared by OpenVEX document {source}: not_affected, component_not_present: {CVE}"

    change = stage.ask("v1.0.0", "prod")

    place = f"/changes/{change.id}"
    assert change.state is ChangeState.AWAITING_APPROVAL
    # Beside the button, and with the changes below.
    assert stage.get(place, BOB).count(shown) == 2
    assert any(shown in each for each in ChangeResponse.of(change).document()["warnings"])
    stage.post(f"{place}/approve", BOB, place)
    assert stage.settle(change.id).state is ChangeState.PROMOTED
    assert stage.get(place, BOB).count(shown) == 1


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (unsigned(SUBJECT), "it is not signed"),
        (signed(SUBJECT, OTHER), "made with none of the 1 configured public keys"),
    ],
)
def test_page_of_a_blocked_change_names_the_ignored_document(stage, document, why):
    source = attach(stage.folder, document)

    change = stage.ask("v1.0.0", "prod")

    assert change.state is ChangeState.BLOCKED
    page = stage.get(f"/changes/{change.id}", BOB)
    assert f"OpenVEX document ignored: {source}: {why}" in page
    assert f"Blocking: {CVE}" in page
