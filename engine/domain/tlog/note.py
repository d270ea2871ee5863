"""Signed notes and the keys that verify them (https://c2sp.org/signed-note)."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

# Verify an Ed25519 signature: public key, signature, message.
VerifySignature = Callable[[bytes, bytes, bytes], bool]

ED25519 = 1
COSIGNATURE = 4
MAX_NOTE_BYTES = 64 * 1024
MAX_SIGNATURES = 64
_DASH = "— "
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A public key with its name: of a log (kind ED25519) or of a witness (kind COSIGNATURE)."""

    name: str
    public: bytes
    kind: int = ED25519

    def __post_init__(self) -> None:
        _check_name(self.name)
        if self.kind not in (ED25519, COSIGNATURE) or len(self.public) != _KEY_BYTES:
            raise ValueError(f"the key of {self.name} is not an Ed25519 key (type 1 or 4)")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a verifier key, `<name>+<id>+<base64>`; ValueError if it is not valid."""
        parts = text.split("+", 2)
        if len(parts) != 3:
            raise ValueError("a verifier key looks like <name>+<8 hex digits>+<base64>")
        content = decode_base64(parts[2])
        key = cls(parts[0], content[1:], content[0] if content else 0)
        if key.id.hex() != parts[1]:
            raise ValueError(f"the id of the key of {key.name} is not {key.id.hex()}")
        return key

    def __str__(self) -> str:
        content = bytes([self.kind]) + self.public
        return f"{self.name}+{self.id.hex()}+{encode_base64(content)}"

    @property
    def id(self) -> bytes:
        """The first four bytes of the key's hash, by which signatures name it."""
        content = self.name.encode() + b"\n" + bytes([self.kind]) + self.public
        return hashlib.sha256(content).digest()[:4]

    def verify(self, text: str, signature: "NoteSignature", check: VerifySignature) -> bool:
        """Whether this key made `signature` of `text`."""
        if self.kind == ED25519:
            return check(self.public, signature.content, text.encode())
        if len(signature.content) != 72:
            return False
        message = f"cosignature/v1\ntime {signature.seconds}\n{text}"
        return check(self.public, signature.content[8:], message.encode())


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line of a note."""

    name: str
    key_id: bytes
    content: bytes

    @classmethod
    def parse(cls, line: str) -> Self:
        """Parse a signature line without its newline; ValueError if it is not one."""
        name, space, encoded = line.removeprefix(_DASH).partition(" ")
        if not line.startswith(_DASH) or not space:
            raise ValueError("a signature line looks like “— <name> <base64>”")
        _check_name(name)
        content = decode_base64(encoded)
        if len(content) <= 4:
            raise ValueError(f"the signature of {name} is empty")
        return cls(name, content[:4], content[4:])

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {encode_base64(self.key_id + self.content)}\n"

    @property
    def seconds(self) -> int:
        """The time of a cosignature, in seconds since 1970."""
        return int.from_bytes(self.content[:8])

    def is_by(self, key: NoteKey) -> bool:
        """Whether this claims to be a signature by `key`."""
        return (self.name, self.key_id) == (key.name, key.id)


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A text and its signatures, which are not verified yet."""

    text: str
    signatures: tuple[NoteSignature, ...]

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Parse a note; ValueError if the standard does not allow it."""
        if len(content) > MAX_NOTE_BYTES:
            raise ValueError(f"a note of more than {MAX_NOTE_BYTES} bytes")
        try:
            note = content.decode()
        except UnicodeDecodeError as error:
            raise ValueError("the note is not UTF-8") from error
        if any(each < " " and each != "\n" for each in note):
            raise ValueError("the note has control characters")
        text, blank, lines = note.rpartition("\n\n")
        if not blank or not lines.endswith("\n"):
            raise ValueError("the note has no signatures after an empty line")
        signatures = lines[:-1].split("\n")
        if len(signatures) > MAX_SIGNATURES:
            raise ValueError(f"the note has more than {MAX_SIGNATURES} signatures")
        return cls(f"{text}\n", tuple(map(NoteSignature.parse, signatures)))

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(map(str, self.signatures))}"

    def signed_by(
        self, keys: Iterable[NoteKey], check: VerifySignature
    ) -> dict[NoteKey, NoteSignature]:
        """
        Verify the signatures by `keys`; signatures by other keys are ignored.

        ValueError if a signature by one of `keys` is wrong. Without any, the result is empty, and
        the caller must not use the text.
        """
        found = {}
        for key in keys:
            for signature in self.signatures:
                if not signature.is_by(key):
                    continue
                if not key.verify(self.text, signature, check):
                    raise ValueError(f"the signature by {key.name} is wrong")
                found[key] = signature
        return found


def encode_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def decode_base64(text: str) -> bytes:
    """Decode standard base64; ValueError for any text that no encoder produces."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("the base64 is not valid") from error
    if encode_base64(content) != text:
        raise ValueError("the base64 is not canonical")
    return content


def _check_name(name: str) -> None:
    if not name or "+" in name or any(each.isspace() or each < " " for each in name):
        raise ValueError("the name of a key must have text without spaces and plus signs")
