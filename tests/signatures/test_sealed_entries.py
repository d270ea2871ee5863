"""The encoding of signed ledger entries: any part that disagrees with the signature is refused."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from engine.adapters.ledger.encoding import decode, encode
from engine.adapters.ledger.sealing import inline_bundle, open_seal
from engine.adapters.signing import generate_key
from engine.adapters.signing.trust import KeyRing
from engine.attestation.bundle import read_key_bundle, sign_statement
from engine.attestation.keys import load_der
from engine.domain.artifact import Digest
from engine.domain.ledger import ChainEnd, LedgerDraft, LedgerEntry, draft_after
from engine.domain.manifest import IMAGE_MANIFEST, Descriptor, Manifest
from engine.domain.record import AnyRecord
from engine.domain.record_index import Link
from tests.domain.records import DIGEST, one_of_each

Document = dict[str, Any]
KEY = generate_key("ecdsa")
PUBLIC = load_der(KEY.public_key())
ARTIFACT = Descriptor(media_type=IMAGE_MANIFEST, digest=DIGEST, size=7)
PROMOTION = next(record for record in one_of_each() if record.kind == "promotion")


def trusted() -> KeyRing:
    assert PUBLIC is not None
    return KeyRing([PUBLIC.pem.encode()])


def no_reads(_link: Link) -> LedgerEntry:
    raise AssertionError("the first entry has no earlier ones")


def draft(record: AnyRecord = PROMOTION) -> LedgerDraft:
    subject = ARTIFACT if record.subject_digest == DIGEST else None
    return draft_after(ChainEnd(None), record, subject, no_reads)


def altered(manifest: Manifest, change: Callable[[Document], object]) -> Manifest:
    document = json.loads(manifest.content)
    change(document)
    return Manifest(json.dumps(document).encode(), IMAGE_MANIFEST)


def resigned(content: bytes, change: Callable[[Document], object]) -> bytes:
    """Sign the statement in the bundle `content` again after `change`, with the trusted key."""
    statement = json.loads(read_key_bundle(content).payload)
    change(statement)
    return sign_statement(json.dumps(statement).encode(), KEY.sign, KEY.public_key())


@pytest.mark.parametrize("record", one_of_each(), ids=lambda record: record.kind)
def test_every_kind_of_record_is_read_back(record: AnyRecord) -> None:
    manifest, content = encode(draft(record), KEY)

    found = open_seal(manifest, inline_bundle(manifest) or b"", trusted())
    entry = decode(manifest, found.record, found.signer)

    assert PUBLIC is not None
    assert (entry.record, entry.signer) == (record, PUBLIC.fingerprint)
    assert entry.state == draft(record).state
    assert inline_bundle(manifest) == content


def test_entry_without_trusted_keys_has_no_signer() -> None:
    manifest, content = encode(draft(), KEY)

    assert open_seal(manifest, content, None).signer is None
    assert open_seal(manifest, content, KeyRing([])).signer is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m["annotations"].update({"dev.floe.state.version": "v6"}), "other links"),
        (lambda m: m["annotations"].update({"dev.floe.ledger.more": "1"}), "other links"),
        (lambda m: m["annotations"].pop("dev.floe.ledger.sequence"), "other links"),
        (lambda m: m["subject"].update(digest=str(Digest.of(b"x"))), "to another artifact"),
        (
            lambda m: m["annotations"].update(
                {"dev.sigstore.bundle.predicateType": "https://floe.dev/rollback/prod/v1"}
            ),
            "annotated with another type",
        ),
    ],
)
def test_manifest_that_differs_from_its_statement_is_refused(
    change: Callable[[Document], object], message: str
) -> None:
    manifest, content = encode(draft(), KEY)

    with pytest.raises(ValueError, match=message):
        open_seal(altered(manifest, change), content, trusted())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["predicate"].pop("entry"), "other links"),
        (lambda s: s["predicate"].update(kind="lock"), "."),
        (lambda s: s["predicate"].update(more=1), "."),
        (lambda s: s.update(predicateType="https://floe.dev/promotion/x/v1"), "of another type"),
        (lambda s: s["subject"].append(s["subject"][0]), "2 subjects"),
    ],
)
def test_statement_of_another_form_is_refused_although_it_is_signed(
    change: Callable[[Document], object], message: str
) -> None:
    manifest, content = encode(draft(), KEY)

    with pytest.raises(ValueError, match=message):
        open_seal(manifest, resigned(content, change), trusted())


@pytest.mark.parametrize("data", [b"other", None])
def test_inline_bundle_of_another_digest_is_refused(data: bytes | None) -> None:
    manifest, _ = encode(draft(), KEY)
    text = base64.b64encode(data).decode() if data else "not base64"

    with pytest.raises(ValueError):
        inline_bundle(altered(manifest, lambda m: m["layers"][0].update(data=text)))
