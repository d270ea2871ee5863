"""Altered signatures never verify for content that they did not cover."""

import base64
import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.adapters.sigstore import SigstoreVerifier, TrustedIssuer
from engine.domain.signature import SignatureVerdict
from tests.signatures.sigstore_kit.formats import (
    Json,
    b64,
    dsse_entry,
    hashed_rekord,
    key_bundle,
    key_envelope,
    pem,
    sign,
    simple_signing,
    statement,
)
from tests.signatures.sigstore_kit.instance import ISSUER, SUBJECT, MiniSigstore, new_key
from tests.signatures.sigstore_kit.repository import Layer, SignedRepository, verdict_of

Where = tuple[str | int, ...]
ENTRY: Where = ("verificationMaterial", "tlogEntries", 0)
# Every field of bytes that something vouches for.
KEY_FIELDS: tuple[Where, ...] = (
    ("dsseEnvelope", "payload"),
    ("dsseEnvelope", "signatures", 0, "sig"),
    (*ENTRY, "canonicalizedBody"),
    (*ENTRY, "inclusionPromise", "signedEntryTimestamp"),
    (*ENTRY, "inclusionProof", "rootHash"),
    (*ENTRY, "inclusionProof", "hashes", 0),
    (*ENTRY, "inclusionProof", "hashes", 1),
)
CERTIFICATE_FIELDS = (*KEY_FIELDS, ("verificationMaterial", "certificate", "rawBytes"))
REKOR = "dev.sigstore.cosign/bundle"
LEGACY_FIELDS: tuple[Where, ...] = (
    ("payload",),
    ("dev.cosignproject.cosign/signature",),
    (REKOR, "SignedEntryTimestamp"),
    (REKOR, "Payload", "body"),
)
examples = settings(max_examples=40, deadline=None)


@dataclass(frozen=True)
class Signer:
    """A key and an instance whose signatures all verify as they are."""

    folder: Path
    verifier: SigstoreVerifier
    numbers: Iterator[int]

    def verdict(self, put: Callable[[SignedRepository], object]) -> SignatureVerdict:
        """The verdict in a new repository into which `put` puts signatures."""
        repository = SignedRepository(self.folder / str(next(self.numbers)))
        put(repository)
        return verdict_of(repository, self.verifier)


@dataclass(frozen=True)
class Signatures:
    key_bundle: Json
    certificate_bundle: Json
    by_key: Json
    by_certificate: Json


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Signer, Signatures]:
    folder = tmp_path_factory.mktemp("altered")
    key, sigstore = new_key(), MiniSigstore()
    root = folder / "root.json"
    root.write_bytes(sigstore.trusted_root())
    trusted = TrustedIssuer(ISSUER, "https://github.com/acme/.*")
    verifier = SigstoreVerifier((pem(key),), (trusted,), root)
    digest = SignedRepository(folder / "signed").digest
    payload, legacy = statement(digest), simple_signing(digest)
    by_key = key_envelope(key, payload)
    entry = sigstore.entry(dsse_entry(payload, by_key["dsseEnvelope"], pem(key)))
    signature = sign(key, legacy)
    rekor = sigstore.legacy_entry(hashed_rekord(legacy, signature, pem(key)))
    said = {"dev.cosignproject.cosign/signature": b64(signature), REKOR: rekor}
    holder = sigstore.issue()
    signatures = Signatures(
        key_bundle(key, by_key, entry),
        sigstore.sign_statement(holder, payload),
        opened(legacy, said),
        opened(legacy, sigstore.legacy(holder, legacy)),
    )
    return Signer(folder, verifier, iter(range(10**6))), signatures


def opened(payload: bytes, annotations: dict[str, str]) -> Json:
    """A legacy signature with its parts where they can be altered."""
    return {"payload": b64(payload), **annotations, REKOR: json.loads(annotations[REKOR])}


def layer(signature: Json) -> Layer:
    said = {name: value for name, value in signature.items() if name != "payload"}
    return Layer(base64.b64decode(signature["payload"]), {**said, REKOR: json.dumps(said[REKOR])})


def flipped(document: Json, where: Where, at: int, bit: int) -> Json:
    """A copy of `document` in which one bit of the bytes at `where` is another."""
    changed = copy.deepcopy(document)
    parent = changed
    for step in where[:-1]:
        parent = parent[step]
    content = bytearray(base64.b64decode(parent[where[-1]]))
    content[at % len(content)] ^= 1 << bit
    parent[where[-1]] = b64(bytes(content))
    return changed


def test_unaltered_signatures_verify(made: tuple[Signer, Signatures]) -> None:
    signer, good = made

    verdicts = [
        signer.verdict(lambda r: r.attach(good.key_bundle)),
        signer.verdict(lambda r: r.attach(good.certificate_bundle)),
        signer.verdict(lambda r: r.tag_legacy(layer(good.by_key))),
        signer.verdict(lambda r: r.tag_legacy(layer(good.by_certificate))),
    ]

    assert [each.mode for each in verdicts] == ["key", "keyless", "key", "keyless"]


positions = {"at": st.integers(0, 10_000), "bit": st.integers(0, 7)}


@pytest.mark.requirement("FR-018")
@given(where=st.sampled_from(KEY_FIELDS), **positions)
@examples
def test_a_bundle_by_a_key_with_one_bit_flipped_never_verifies(
    made: tuple[Signer, Signatures], where: Where, at: int, bit: int
) -> None:
    signer, good = made

    verdict = signer.verdict(lambda r: r.attach(flipped(good.key_bundle, where, at, bit)))

    assert verdict.mode == "none"


@pytest.mark.requirement("FR-018")
@given(where=st.sampled_from(CERTIFICATE_FIELDS), **positions)
@examples
def test_a_bundle_by_a_certificate_with_one_bit_flipped_never_verifies(
    made: tuple[Signer, Signatures], where: Where, at: int, bit: int
) -> None:
    signer, good = made

    verdict = signer.verdict(lambda r: r.attach(flipped(good.certificate_bundle, where, at, bit)))

    assert verdict.mode == "none"


def test_an_unsupported_key_in_the_log_is_refused(
    made: tuple[Signer, Signatures],
) -> None:
    """As a flipped bit once made of it: the log's body names a key by another algorithm."""
    signer, good = made
    altered = copy.deepcopy(good.by_key)
    body = json.loads(base64.b64decode(altered[REKOR]["Payload"]["body"]))
    public_key = body["spec"]["signature"]["publicKey"]
    lines = base64.b64decode(public_key["content"]).decode().splitlines()
    der = bytearray(base64.b64decode("".join(lines[1:-1])))
    oid = bytes.fromhex("06072a8648ce3d0201")
    der[der.index(oid) + len(oid) - 1] ^= 1
    pem_of = "\n".join([lines[0], b64(bytes(der)), lines[-1], ""])
    public_key["content"] = b64(pem_of.encode())
    altered[REKOR]["Payload"]["body"] = b64(json.dumps(body).encode())

    verdict = signer.verdict(lambda r: r.tag_legacy(layer(altered)))

    assert verdict.mode == "none"
    assert "unreadable key" in (verdict.problem or "")


@pytest.mark.requirement("FR-018")
@given(
    form=st.sampled_from(["by_key", "by_certificate"]),
    where=st.sampled_from(LEGACY_FIELDS),
    **positions,
)
@examples
def test_a_legacy_signature_with_one_bit_flipped_never_verifies(
    made: tuple[Signer, Signatures], form: str, where: Where, at: int, bit: int
) -> None:
    signer, good = made
    altered = flipped(getattr(good, form), where, at, bit)

    verdict = signer.verdict(lambda r: r.tag_legacy(layer(altered)))

    assert verdict.mode == "none"


@pytest.mark.requirement("FR-018")
@given(
    form=st.sampled_from(["key_bundle", "certificate_bundle"]),
    at=st.integers(0, 10_000),
    byte=st.integers(0, 255),
)
@examples
def test_a_bundle_with_any_byte_altered_gains_no_new_verdict(
    made: tuple[Signer, Signatures], form: str, at: int, byte: int
) -> None:
    """Fields without a signature, such as the name in a checkpoint, may change without harm."""
    signer, good = made
    content = bytearray(json.dumps(getattr(good, form)).encode())
    content[at % len(content)] = byte

    verdict = signer.verdict(lambda r: r.attach(bytes(content)))

    if verdict.verified:
        assert (verdict.mode, verdict.subject) in {("key", None), ("keyless", SUBJECT)}
        assert (verdict.mode == "key") is (form == "key_bundle")


@pytest.mark.requirement("FR-018")
@given(
    content=st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).map(lambda value: json.dumps(value).encode())
)
@examples
def test_malformed_signatures_are_refused_with_a_reason(
    made: tuple[Signer, Signatures], content: bytes
) -> None:
    signer, _ = made
    said = {"dev.cosignproject.cosign/signature": content.hex(), REKOR: content.hex()}

    def put(repository: SignedRepository) -> None:
        repository.attach(content)
        repository.tag_legacy(Layer(content, said))

    verdict = signer.verdict(put)

    assert verdict.summary.startswith("Signature verification failed: ")


def deep(count: int) -> bytes:
    return b"[" * count


@pytest.mark.parametrize("content", [deep(100_000), b'{"a":' * 100_000, b"\xff\xfe", b""])
def test_a_bundle_that_would_exhaust_a_parser_is_refused(
    content: bytes, made: tuple[Signer, Signatures]
) -> None:
    signer, _ = made

    verdict = signer.verdict(lambda r: r.attach(content))

    assert "its bundle cannot be read" in verdict.summary


@pytest.mark.requirement("FR-018")
@pytest.mark.parametrize(
    "value", ["0", "18446744073709551615", "-1", "253402300800", "x", None, {}, 1.5, True]
)
@pytest.mark.parametrize("name", ["integratedTime", "logIndex"])
def test_numbers_of_the_log_are_compared_as_signed(
    name: str, value: object, made: tuple[Signer, Signatures]
) -> None:
    signer, good = made
    altered = [copy.deepcopy(each) for each in (good.key_bundle, good.certificate_bundle)]
    for bundle in altered:
        bundle["verificationMaterial"]["tlogEntries"][0][name] = value

    verdicts = [signer.verdict(lambda r, b=each: r.attach(b)) for each in altered]

    assert [each.mode for each in verdicts] == ["none", "none"]
