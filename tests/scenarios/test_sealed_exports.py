"""The signatures of the entries in an export are judged without the registry."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.adapters.ledger.sealing import Sealing
from engine.adapters.signing.pem import PemSigner, generate_key
from engine.audit.checkpoints import CheckpointSource
from engine.bootstrap.checkpoints import verify_exports
from engine.domain.audit import EnvironmentAudit
from engine.domain.manifest import Manifest
from tests.builders import descriptor
from tests.conftest import Place
from tests.scenarios.audited import messages, summarize
from tests.scenarios.engines import ProgressLog, with_parts
from tests.scenarios.sealed import OTHER, OWN, SIGNING, pems, writer
from tests.scenarios.tampering import ENTRY, HEAD, Hand
from tests.tlog.logged import logging_engine, write_entries

LOG = generate_key("ed25519")


@pytest.fixture
def ledger(layout: Place, tmp_path: Path) -> Iterator[Place]:
    """A ledger of staging with three signed entries."""
    append(layout, tmp_path, SIGNING, 3)
    yield layout


def append(place: Place, folder: Path, sealing: Sealing, count: int = 1) -> None:
    with writer(place, folder / "writer", sealing) as engine:
        write_entries(engine, count, "staging")


def export(place: Place, folder: Path, *signers: PemSigner) -> Path:
    """Export by a machine that verifies nothing and has the log's key, with keys of `signers`."""
    with writer(place, folder / "exporter", Sealing()) as engine:
        logging = logging_engine(engine, LOG)
        assert logging.runner.checkpoints is not None
        checkpoints = replace(logging.runner.checkpoints.open(), entry_keys=lambda: pems(*signers))
        exporter = with_parts(logging, checkpoints=CheckpointSource(lambda: checkpoints))
        exporter.export("staging", folder / "out", ProgressLog())
    return folder / "out"


def public(folder: Path, signer: PemSigner) -> str:
    path = folder / f"{id(signer)}.pub"
    path.write_text(pems(signer)[0])
    return str(path)


def verify(exported: Path, *signers: PemSigner) -> EnvironmentAudit:
    keys = [public(exported.parent, signer) for signer in signers]
    (audit,) = verify_exports(exported, keys, (), ProgressLog()).environments
    return audit


def resigned(place: Place, number: int) -> Manifest:
    """The entry `number` with one bit of its signature changed, stored with its bundle."""
    bundle = json.loads(Hand(place).record(f"{ENTRY}.{number}"))
    [signature] = bundle["dsseEnvelope"]["signatures"]
    content = bytearray(base64.b64decode(signature["sig"]))
    content[-1] ^= 1
    signature["sig"] = base64.b64encode(content).decode()
    text = json.dumps(bundle, sort_keys=True, separators=(",", ":")).encode()
    place.registry.open_upload().finish(text)

    def edit(document: dict[str, object]) -> None:
        blob = descriptor(text, "application/vnd.dev.sigstore.bundle.v0.3+json")
        document["config"] = blob
        document["layers"] = [blob | {"data": base64.b64encode(text).decode()}]

    return Hand(place).edited(f"{ENTRY}.{number}", edit)


def test_every_signature_is_judged_by_the_given_keys(ledger: Place, tmp_path: Path) -> None:
    audit = verify(export(ledger, tmp_path, OWN), LOG, OWN)

    assert (audit.sound, audit.entries, audit.notes) == (True, 3, ())


def test_keys_of_entries_in_the_export_are_unconfirmed(ledger: Place, tmp_path: Path) -> None:
    audit = verify(export(ledger, tmp_path, OWN), LOG)

    assert (audit.sound, summarize(audit.notes)) == (True, [("unconfirmed", None)])
    assert "entry-keys.pem with the keys you know" in messages(audit)


def test_export_without_keys_of_entries_says_that_nothing_was_judged(
    ledger: Place, tmp_path: Path
) -> None:
    audit = verify(export(ledger, tmp_path), LOG)

    assert (audit.sound, summarize(audit.notes)) == (True, [("unconfirmed", None)])
    assert "are not verified, since the export has no keys of entries" in messages(audit)


def test_damaged_keys_in_the_export_are_a_problem(ledger: Place, tmp_path: Path) -> None:
    exported = export(ledger, tmp_path, OWN)
    (exported / "staging" / "entry-keys.pem").write_text("not a key")

    assert summarize(verify(exported, LOG).problems) == [("altered", None)]


def test_entries_by_other_keys_than_the_given_one_are_found(ledger: Place, tmp_path: Path) -> None:
    audit = verify(export(ledger, tmp_path, OWN), LOG, generate_key("ecdsa"))

    assert summarize(audit.problems) == [("untrusted", number) for number in (1, 2, 3)]


def test_given_keys_replace_those_of_the_export(ledger: Place, tmp_path: Path) -> None:
    append(ledger, tmp_path, Sealing(OTHER))

    audit = verify(export(ledger, tmp_path, OWN, OTHER), LOG, OWN)

    assert summarize(audit.problems) == [("untrusted", 4)]
    assert "after the last known one" in messages(audit)


def test_entry_by_a_key_of_ed25519_is_judged(ledger: Place, tmp_path: Path) -> None:
    append(ledger, tmp_path, Sealing(OTHER))
    exported = export(ledger, tmp_path, OWN, OTHER)

    assert verify(exported, LOG, OWN, OTHER).sound
    # The key of the entries is not taken for one of the log only.
    audit = verify(exported, LOG, OTHER)
    assert (audit.sound, summarize(audit.notes)) == (True, [("untrusted", 3)])


def test_key_of_the_log_that_signs_entries_is_a_key_of_entries(
    layout: Place, tmp_path: Path
) -> None:
    append(layout, tmp_path, Sealing(LOG), 2)
    append(layout, tmp_path, Sealing(OTHER))

    assert summarize(verify(export(layout, tmp_path, LOG, OTHER), LOG).problems) == [
        ("untrusted", 3)
    ]


def test_changed_signature_is_found(ledger: Place, tmp_path: Path) -> None:
    Hand(ledger).put(resigned(ledger, 3), f"{ENTRY}.3", HEAD)

    audit = verify(export(ledger, tmp_path, OWN), LOG, OWN)

    assert summarize(audit.problems) == [("untrusted", 3)]


@pytest.mark.parametrize("sealing", [Sealing(), Sealing(OTHER)], ids=["unsigned", "foreign"])
def test_entry_in_the_middle_without_a_known_signature_is_found(
    ledger: Place, tmp_path: Path, sealing: Sealing
) -> None:
    append(ledger, tmp_path, sealing)
    append(ledger, tmp_path, Sealing(OWN))

    audit = verify(export(ledger, tmp_path, OWN), LOG, OWN)

    assert summarize(audit.problems) == [("untrusted", 4)]
    assert "between entries by known keys" in messages(audit)


def test_unsigned_entries_before_the_first_signature_are_a_note(
    layout: Place, tmp_path: Path
) -> None:
    append(layout, tmp_path, Sealing(), 2)
    append(layout, tmp_path, Sealing(OWN))

    audit = verify(export(layout, tmp_path, OWN), LOG, OWN)

    assert (audit.sound, summarize(audit.notes)) == (True, [("untrusted", 2)])
