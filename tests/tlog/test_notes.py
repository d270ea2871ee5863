"""Signed notes, verifier keys and checkpoints are parsed as strictly as the standard asks."""

import base64

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.tlog.checkpoint import Checkpoint
from engine.domain.tlog.merkle import leaf_hash
from engine.domain.tlog.note import COSIGNATURE, NoteKey, NoteSignature, SignedNote

# The examples of https://c2sp.org/signed-note.
KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""  # noqa: E501
ROOT = leaf_hash(b"entry")
CHECKPOINT = Checkpoint("registry.example/acme/app/prod", 7, ROOT)


def check(public, signature, message):
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def raw(private):
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def signed(key, private, text):
    return SignedNote(text, (NoteSignature(key.name, key.id, private.sign(text.encode())),))


def cosigned(key, private, text, seconds):
    stamp = seconds.to_bytes(8)
    message = f"cosignature/v1\ntime {seconds}\n{text}".encode()
    return NoteSignature(key.name, key.id, stamp + private.sign(message))


def test_example_of_the_standard_verifies():
    key, note = NoteKey.parse(KEY), SignedNote.parse(NOTE.encode())

    assert note.text == "This is an example message.\n"
    assert list(note.signed_by([key], check)) == [key]
    assert str(note) == NOTE
    assert str(key) == KEY


def test_wrong_signature_by_a_known_key_is_refused():
    key = NoteKey.parse(KEY)
    note = SignedNote.parse(NOTE.replace("example message", "other message").encode())

    with pytest.raises(ValueError, match="the signature by example.com/foo is wrong"):
        note.signed_by([key], check)


def test_signatures_by_unknown_keys_are_ignored():
    key, other = NoteKey.parse(KEY), NoteKey("example.com/foo", b"\x07" * 32)
    note = SignedNote.parse(NOTE.encode())

    assert note.signed_by([other], check) == {}
    assert list(note.signed_by([other, key], check)) == [key]


def test_cosignature_is_verified_with_its_time():
    private = Ed25519PrivateKey.generate()
    key = NoteKey("witness.example/w1", raw(private), COSIGNATURE)
    text = str(CHECKPOINT)
    good, late = (cosigned(key, private, text, each) for each in (1_679_315_147, 1_679_315_148))
    mixed = NoteSignature(key.name, key.id, late.content[:8] + good.content[8:])

    found = SignedNote(text, (good,)).signed_by([key], check)

    assert found[key].seconds == 1_679_315_147
    with pytest.raises(ValueError, match="witness.example/w1 is wrong"):
        SignedNote(text, (mixed,)).signed_by([key], check)
    with pytest.raises(ValueError, match="witness.example/w1 is wrong"):
        SignedNote(text, (NoteSignature(key.name, key.id, b"short"),)).signed_by([key], check)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), st.binary(max_size=9))
def test_note_survives_being_written_and_parsed(text, content):
    note = SignedNote(f"{text}\n\n{text}\n", (NoteSignature("a", b"1234", b"x" + content),) * 2)

    assert SignedNote.parse(str(note).encode()) == note


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(content):
    try:
        note = SignedNote.parse(content)
    except ValueError:
        return
    assert str(note).encode() == content


@pytest.mark.parametrize(
    ("note", "problem"),
    [
        (b"\xff\n\n" + NOTE.encode(), "UTF-8"),
        (NOTE.replace("example", "exa\tmple", 1).encode(), "control characters"),
        (NOTE.replace("\n", "\r\n").encode(), "control characters"),
        (NOTE.replace("\n\n", "\n").encode(), "no signatures"),
        (NOTE[:-1].encode(), "no signatures"),
        ((NOTE + "\n").encode(), "no signatures"),
        (NOTE.replace("— ", "- ").encode(), "looks like"),
        (NOTE.replace("— ", "—").encode(), "looks like"),
        (NOTE.replace("foo Uw", "foo  Uw").encode(), "base64"),
        (NOTE.replace("foo Uw", "f+o Uw").encode(), "name of a key"),
        (NOTE.replace("foo Uw", "fo\u2003o Uw").encode(), "name of a key"),
        (NOTE.replace("example.com/foo Uw", " Uw").encode(), "name of a key"),
        (NOTE.replace("aQM=", "aQN=").encode(), "canonical"),
        (NOTE.replace("aQM=", "aQM").encode(), "base64"),
        (b"text\n\n\xe2\x80\x94 name AAAAAA==\n", "signature of name is empty"),
        (b"text\n\n" + b"\xe2\x80\x94 name AAAAAAA=\n" * 65, "more than 64 signatures"),
        (b"x" * 70_000, "more than 65536 bytes"),
    ],
)
def test_note_that_breaks_the_standard_is_refused(note, problem):
    with pytest.raises(ValueError, match=problem):
        SignedNote.parse(note)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("example.com/foo", "looks like"),
        (KEY.replace("530d903a", "530d903b"), "is not 530d903a"),
        (KEY.replace("530d903a", "530D903A"), "is not 530d903a"),
        (KEY.replace("+530d", " +530d"), "name of a key"),
        (KEY[:-1], "base64"),
        ("a+00000000+" + base64.b64encode(b"\x01" * 32).decode(), "not an Ed25519 key"),
        ("a+00000000+" + base64.b64encode(b"\x06" * 33).decode(), "not an Ed25519 key"),
        ("a+00000000+", "not an Ed25519 key"),
    ],
)
def test_invalid_verifier_key_is_refused(text, problem):
    with pytest.raises(ValueError, match=problem):
        NoteKey.parse(text)


@given(st.integers(0, 10**18 - 1), st.binary(min_size=32, max_size=32))
def test_checkpoint_survives_being_written_and_parsed(size, root):
    checkpoint = Checkpoint("registry.example/acme/app/prod", size, root)

    assert Checkpoint.parse(str(checkpoint)) == checkpoint


def test_extension_lines_of_a_checkpoint_are_allowed():
    assert Checkpoint.parse(f"{CHECKPOINT}extension\n") == CHECKPOINT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n7\n",
        str(CHECKPOINT)[:-1],
        f"{CHECKPOINT}\n",
        str(CHECKPOINT).replace("registry.example/acme/app/prod", ""),
        str(CHECKPOINT).replace("\n7\n", "\n07\n"),
        str(CHECKPOINT).replace("\n7\n", "\n+7\n"),
        str(CHECKPOINT).replace("\n7\n", "\n-7\n"),
        str(CHECKPOINT).replace("\n7\n", "\n\u0667\n"),
        str(CHECKPOINT).replace("\n7\n", f"\n{10**18}\n"),
        "origin\n7\nAAAA\n",
        "origin\n7\nnot base64\n",
    ],
)
def test_invalid_checkpoint_is_refused(text):
    with pytest.raises(ValueError, match="checkpoint|base64"):
        Checkpoint.parse(text)
