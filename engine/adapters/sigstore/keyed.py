"""Verifies signatures by a configured key."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.adapters.sigstore.bundle import Bundle, signed_by
from engine.adapters.sigstore.logged import Signed
from engine.adapters.sigstore.root import TrustedRoot
from engine.adapters.sigstore.transparency import Entry, check_entry
from engine.attestation.keys import VerificationKey
from engine.attestation.refusal import Refused
from engine.domain.manifest import Manifest

KEY_ONLY = "verified by the key alone: no transparency log entry came with it"
LOGGED = "the transparency log entry that came with it agrees"
OTHER_LOG = (
    "verified by the key alone: its transparency log entry agrees, and is of a log that the "
    "trusted root does not know"
)


@dataclass(frozen=True, slots=True)
class KeySignature:
    """A good signature: its key, and a note about the transparency log."""

    key: VerificationKey
    note: str


def key_of(keys: Sequence[VerificationKey], signature: bytes, message: bytes) -> VerificationKey:
    """The key of `keys` that made `signature`; Refused if there is none."""
    for key in keys:
        if key.signed(signature, message):
            return key
    if not keys:
        raise Refused("made with a key, and no public_keys are configured")
    raise Refused(f"made with none of the {len(keys)} configured public keys, or altered")


def check_log(entries: Iterable[Entry], signed: Signed, root: TrustedRoot) -> str:
    """
    Return a note about the log; Refused if an entry contradicts the signature.

    Keys do not need a log, so an entry of an unknown log is only noted.
    """
    note = KEY_ONLY
    for entry in entries:
        log = check_entry(entry, signed, root.transparency).log
        note = LOGGED if log else OTHER_LOG
    return note


def verify_key_bundle(
    bundle: Bundle, artifact: Manifest, keys: Sequence[VerificationKey], root: TrustedRoot
) -> KeySignature:
    """Verify that one of `keys` made the bundle's signature of `artifact`, else raise Refused."""
    signed = signed_by(bundle, artifact, b"")
    key = key_of(keys, signed.signature, signed.message)
    entries = bundle.verification_material.tlog_entries
    return KeySignature(key, check_log(entries, signed_by(bundle, artifact, key.der), root))
