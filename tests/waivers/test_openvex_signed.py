"""Signed OpenVEX documents clear findings, and all others are ignored with a reason."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.sigstore import SigstoreVerifier
from engine.domain.change import ChangeState
from engine.domain.openvex import VexStatements
from tests.builders import Artifact, image, referrer
from tests.conftest import Place
from tests.scenarios.changing import Stage
from tests.scenarios.verbs import roll_back
from tests.signatures.sigstore_kit.formats import b64, key_bundle, key_envelope, pem
from tests.signatures.sigstore_kit.repository import SignedRepository, bundle_image
from tests.waivers.attaching import GOOD, KEY, OF_COSIGN_2, OTHER, attestation, bundle, legacy
from tests.waivers.documents import ARTIFACT, DIGEST, document, statement
from tests.waivers.kit import CVE, report, scanned_stage, waived


def read(tmp_path: Path, *attached: Artifact, tagged: Artifact | None = None) -> VexStatements:
    repository = SignedRepository(tmp_path / "registry", None)
    repository.write(ARTIFACT, "v1")
    for each in attached:
        repository.write(each)
    if tagged:
        repository.write(tagged, f"sha256-{DIGEST.hex}.att")
    found = SigstoreVerifier((pem(KEY),)).vex(repository.registry, DIGEST)
    assert found is not None
    return found


def test_document_of_cosign_counts_in_both_of_its_forms(tmp_path):
    assert len(read(tmp_path / "a", bundle()).statements) == 1
    assert len(read(tmp_path / "b", tagged=legacy(OF_COSIGN_2)).statements) == 1


ALTERED = key_bundle(KEY, {"dsseEnvelope": key_envelope(KEY, GOOD)["dsseEnvelope"]})
ALTERED["dsseEnvelope"] = ALTERED["dsseEnvelope"] | {"payload": b64(GOOD + b" ")}


@pytest.mark.parametrize(
    ("attached", "why"),
    [
        (bundle(key=OTHER), "made with none of the 1 configured public keys"),
        (bundle_image(ALTERED, ARTIFACT.manifest), "made with none of the 1 configured public"),
        (bundle(attestation(document(statement()), digest="0" * 64)), "names another artifact"),
        (bundle(attestation(document(statement(status="harmless")))), "statements.0.status"),
        (bundle(attestation({"@context": "https://openvex.dev/ns"})), "statements: Field required"),
        (referrer(ARTIFACT.manifest, "application/vnd.openvex+json", b"{}"), "it is not signed"),
    ],
)
def test_other_documents_are_ignored_with_their_digest_and_the_reason(tmp_path, attached, why):
    found = read(tmp_path, attached)

    assert found.statements == ()
    [ignored] = found.ignored
    assert ignored.startswith(f"{str(attached.manifest.digest)[:19]}: ")
    assert why in ignored


def test_legacy_document_by_another_key_is_ignored(tmp_path):
    found = read(tmp_path, tagged=legacy(OF_COSIGN_2, key=OTHER))

    assert found.statements == ()
    assert "made with none of the 1 configured public keys" in found.ignored[0]


UNREAD = bundle(attestation(document(statement(status="harmless"))))
AFFECTED = attestation(document(statement(status="affected")))


def test_nothing_is_cleared_while_a_signed_document_is_unread(tmp_path):
    found = read(tmp_path, bundle(), UNREAD, bundle(AFFECTED))

    assert [each.status for each in found.statements] == ["affected"]
    assert "no document clears" in found.ignored[0]


def test_document_by_another_key_does_not_stop_others(tmp_path):
    found = read(tmp_path, bundle(), bundle(b"no statement", key=OTHER), bundle(AFFECTED, OTHER))

    assert len(found.statements) == 1
    assert len(found.ignored) == 2


def test_last_documents_under_the_tag_of_cosign_are_read(tmp_path):
    payloads = [OF_COSIGN_2] * 100 + [AFFECTED]

    found = read(tmp_path, tagged=legacy(*payloads))

    assert [each.status for each in found.statements] == ["affected"]
    assert "only the last 100 of 101 are read" in found.ignored[0]


def test_attachments_of_other_kinds_are_not_mentioned(tmp_path):
    sbom = bundle(attestation({}, "https://cyclonedx.org/bom"))
    raw = referrer(ARTIFACT.manifest, "application/vnd.cyclonedx+json", b"{}")

    assert read(tmp_path, sbom, raw) == VexStatements()


def test_unreadable_attachment_is_named_and_does_not_stop_others(tmp_path):
    found = read(tmp_path, bundle(), bundle_image(b"no JSON", ARTIFACT.manifest))

    assert len(found.statements) == 1
    assert "nothing says that it is a document" in found.ignored[0]


def push_attached(stage: Stage, attached: Artifact) -> None:
    """Push it as cosign does, also into a registry without the referrers API."""
    stage.place.push(attached, "attached")
    stage.place.registry.attach(DIGEST, attached.manifest.descriptor)


@pytest.fixture
def stage(place: Place, tmp_path: Path) -> Iterator[Stage]:
    with scanned_stage(place, tmp_path / "work", verifier=SigstoreVerifier((pem(KEY),))) as built:
        place.push(ARTIFACT, "v1.0.0-dev")
        yield built


def test_signed_document_lets_the_gate_pass_and_is_recorded(stage):
    assert stage.ask().state is ChangeState.BLOCKED
    attached = bundle()
    push_attached(stage, attached)

    asked = stage.ask()

    assert asked.state is ChangeState.AWAITING_APPROVAL
    source = f"{str(attached.manifest.digest)[:19]}: not_affected, component_not_present"
    assert f"1 cleared by OpenVEX document {source}: {CVE}" in asked.warnings[0]
    details = asked.gate_results[1].details
    assert details["openvex"] == {source: [f"CRITICAL {CVE} lodash 4.17.20"]}


def test_gate_names_the_document_that_it_ignores(stage):
    attached = bundle(key=OTHER)
    push_attached(stage, attached)

    blocked = stage.ask()

    assert blocked.state is ChangeState.BLOCKED
    assert f"OpenVEX document ignored: {str(attached.manifest.digest)[:19]}" in (
        blocked.ended.message
    )


def test_rollback_is_not_refused_for_findings_that_a_document_clears(stage):
    push_attached(stage, bundle())
    assert stage.settle(stage.approve(stage.ask())).state is ChangeState.PROMOTED
    file = stage.engine.path.environment("staging").gates[0].argv[-1]
    Path(file).write_text(report("CVE-2026-2"))
    stage.place.push(image(b"two"), "v1.1.0-dev")
    waived(stage, cve="CVE-2026-2")
    assert stage.settle(stage.approve(stage.ask("v1.1.0"))).state is ChangeState.PROMOTED

    done = roll_back(stage.engine, "v1.0.0", operator=stage.members.operator("alice"))

    assert done.error is None


def test_document_from_the_future_does_not_let_the_gate_pass(stage):
    push_attached(stage, bundle(attestation(document(statement(timestamp="2099-01-01T00:00:00Z")))))

    blocked = stage.ask()

    assert blocked.state is ChangeState.BLOCKED
    assert "it is dated in the future, 2099-01-01" in blocked.ended.message


def test_record_names_at_most_twenty_ignored_documents(stage):
    payloads = [GOOD + b" " * count for count in range(22)]
    stage.place.push(legacy(*payloads, key=OTHER), f"sha256-{DIGEST.hex}.att")

    [_, scan] = stage.ask().gate_results

    assert len(scan.details["openvex_ignored"]) == 20


def test_documents_after_too_many_bytes_are_not_read(tmp_path):
    """Also those of others count, and then no document clears."""
    large = [bundle(GOOD + b" " * (2_900_000 + number), OTHER) for number in range(6)]

    found = read(tmp_path, bundle(), *large)

    assert [each for each in found.statements if each.clears] == []
    assert any("have more than 16777216 bytes together" in each for each in found.ignored)


def test_documents_within_the_bytes_are_read(tmp_path):
    large = [bundle(GOOD + b" " * (2_900_000 + number), OTHER) for number in range(3)]

    assert len(read(tmp_path, bundle(), *large).statements) == 1
