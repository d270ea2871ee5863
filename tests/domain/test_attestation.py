"""Signed statements are read back unchanged; altered ones are refused or not verified."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.adapters.signing import generate_key
from engine.adapters.signing.trust import KeyRing
from engine.attestation.bundle import read_key_bundle, sign_statement
from engine.attestation.keys import load_der
from engine.attestation.refusal import Refused
from engine.attestation.statement import make_statement, predicate_type, read_statement
from engine.domain.artifact import Digest
from tests.peers import signing

TYPE = predicate_type("promotion", "prod")
DIGEST = Digest.of(b"artifact")
SIGNERS = {kind: generate_key(kind) for kind in ("ecdsa", "ed25519")}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PREDICATES = st.dictionaries(
    TEXTS,
    st.recursive(
        st.none() | st.booleans() | st.integers() | TEXTS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


def trust(kind: str) -> KeyRing:
    public = load_der(SIGNERS[kind].public_key())
    assert public is not None
    return KeyRing([public.pem.encode()])


def signed(kind: str = "ecdsa", payload: bytes | None = None) -> bytes:
    signer = SIGNERS[kind]
    payload = payload or make_statement("acme/app", DIGEST, TYPE, {"version": "v1.2.3"})
    return sign_statement(payload, signer.sign, signer.public_key())


def verified(content: bytes, keys: KeyRing) -> str | None:
    bundle = read_key_bundle(content)
    return keys.find_signer(bundle.envelope.message, bundle.envelope.signature)


@pytest.mark.parametrize("kind", SIGNERS)
@given(predicate=PREDICATES, name=TEXTS)
def test_signed_statement_is_read_back_unchanged(
    kind: str, predicate: dict[str, Any], name: str
) -> None:
    content = signed(kind, make_statement(name, DIGEST, TYPE, predicate))

    statement = read_statement(read_key_bundle(content).payload)

    assert (statement.digest, statement.predicate_type) == (DIGEST, TYPE)
    assert statement.predicate == predicate
    assert verified(content, trust(kind)) is not None


@given(position=st.integers(min_value=0), bit=st.integers(0, 7))
def test_changed_bit_is_refused_or_changes_nothing_that_is_signed(position: int, bit: int) -> None:
    content = signed()
    at = position % len(content)
    altered = content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]

    try:
        good = verified(altered, trust("ecdsa"))
        payload = read_key_bundle(altered).payload
    except Refused:
        return

    assert good is None or payload == read_key_bundle(content).payload


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_as_a_bundle(content: bytes) -> None:
    with pytest.raises(Refused):
        read_key_bundle(content)


def test_other_keys_do_not_verify() -> None:
    other = KeyRing([signing.SigningKey.new().pem(), signing.SigningKey.new("EdDSA").pem()])

    assert verified(signed("ecdsa"), other) is None
    assert verified(signed("ed25519"), other) is None
    assert verified(signed(), KeyRing([])) is None


def test_key_of_the_signer_is_trusted_without_being_listed() -> None:
    other = signing.SigningKey.new().pem()

    assert verified(signed("ed25519"), KeyRing([other], SIGNERS["ed25519"])) is not None
    assert verified(signed("ecdsa"), KeyRing([other], SIGNERS["ed25519"])) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"payloadType": "text/plain"}, "its payload is 'text/plain'"),
        ({"signatures": []}, "its bundle has 0 signatures"),
        ({"signatures": [{"sig": "AA=="}] * 2}, "its bundle has 2 signatures"),
        ({"payload": "not base64"}, "its bundle cannot be read"),
        ({"more": 1}, "its bundle cannot be read"),
    ],
)
def test_envelope_of_another_form_is_refused(change: dict[str, Any], message: str) -> None:
    document = json.loads(signed())
    document["dsseEnvelope"] |= change

    with pytest.raises(Refused, match=message):
        read_key_bundle(json.dumps(document).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.1"},
        {"verificationMaterial": {"certificate": {"rawBytes": "AA=="}}},
        {"messageSignature": {"signature": "AA=="}},
    ],
)
def test_bundle_of_another_form_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        read_key_bundle(json.dumps(json.loads(signed()) | change).encode())


@pytest.mark.parametrize(
    "subjects", [[], [{"digest": {"sha1": "aa"}}], [{"digest": {"sha256": DIGEST.hex}}] * 2]
)
def test_statement_about_none_or_several_artifacts_is_refused(
    subjects: list[dict[str, Any]],
) -> None:
    document = json.loads(make_statement("acme/app", DIGEST, TYPE, {})) | {"subject": subjects}
    statement = read_statement(json.dumps(document).encode())

    with pytest.raises(Refused, match="statement"):
        _ = statement.digest


def test_hint_names_the_key_as_cosign_does() -> None:
    public = load_der(SIGNERS["ecdsa"].public_key())
    assert public is not None

    hint = json.loads(signed())["verificationMaterial"]["publicKey"]["hint"]

    assert hint == public.hint
    assert base64.b64decode(hint).hex() == public.fingerprint.removeprefix("sha256:")
