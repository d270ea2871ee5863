"""Verifies entries of a transparency log: promise, inclusion proof and checkpoint."""

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.adapters.sigstore.logged import Signed, check_body
from engine.adapters.sigstore.root import Log, log_of
from engine.attestation.refusal import Refused
from engine.attestation.wire import Base64, Closed, Number, decode
from engine.domain.canonical import canonical_json

_NOTE_SIGNATURE = re.compile(r"— (\S+) (\S+)")
# The first bytes of a note's signature are a hint at the key.
_HINT_BYTES = 4
_MAX_TIME = 253402300799  # The last second of the year 9999.
UNKNOWN_LOG = "its transparency log entry is of no log that the trusted root then had"


class LogId(Closed):
    key_id: Base64


class KindVersion(Closed):
    kind: str
    version: str


class Promise(Closed):
    signed_entry_timestamp: Base64


class Checkpoint(Closed):
    envelope: str


class Proof(Closed):
    log_index: Number = 0
    root_hash: Base64
    tree_size: Number
    hashes: tuple[Base64, ...] = ()
    checkpoint: Checkpoint | None = None


class Entry(Closed):
    """
    An entry in a bundle; protobuf's JSON leaves out zeros.

    https://github.com/sigstore/protobuf-specs, `TransparencyLogEntry`.
    """

    log_index: Number = 0
    log_id: LogId
    kind_version: KindVersion | None = None
    integrated_time: Number = 0
    inclusion_promise: Promise | None = None
    inclusion_proof: Proof | None = None
    canonicalized_body: Base64

    @property
    def time(self) -> datetime | None:
        """The time at which the log accepted the entry; entries of newer logs have none."""
        if not self.integrated_time:
            return None
        return datetime.fromtimestamp(min(self.integrated_time, _MAX_TIME), UTC)


@dataclass(frozen=True, slots=True)
class LogCheck:
    """The known log of a verified entry, if any, and whether the log promised the entry."""

    log: Log | None
    promised: bool


def check_entry(entry: Entry, signed: Signed, logs: Iterable[Log]) -> LogCheck:
    """
    Verify that the entry matches `signed` and its log; else raise Refused.

    An entry of an unknown log is returned without a log, for the caller to decide.
    """
    kind = check_body(entry.canonicalized_body, signed)
    stated = entry.kind_version
    if stated and f"{stated.kind} {stated.version}" != kind:
        raise Refused(f"its transparency log entry is a {kind} and said to be another")
    log = log_of(logs, entry.log_id.key_id, None)
    if log is None:
        return LogCheck(None, promised=False)
    if entry.time and not log.window.holds(entry.time):
        raise Refused(UNKNOWN_LOG)
    if entry.inclusion_promise:
        _check_promise(entry, entry.inclusion_promise, log)
    if entry.inclusion_proof:
        _check_proof(entry.canonicalized_body, entry.inclusion_proof, log)
    return LogCheck(log, promised=entry.inclusion_promise is not None)


def _check_promise(entry: Entry, promise: Promise, log: Log) -> None:
    """Verify the signed entry timestamp, the only proof of the time."""
    message = canonical_json(
        {
            "body": base64.b64encode(entry.canonicalized_body).decode(),
            "integratedTime": entry.integrated_time,
            "logID": entry.log_id.key_id.hex(),
            "logIndex": entry.log_index,
        }
    )
    if not log.key.signed(promise.signed_entry_timestamp, message):
        raise Refused("its transparency log entry is not signed by the log it names")


def _check_proof(body: bytes, proof: Proof, log: Log) -> None:
    leaf = hashlib.sha256(b"\0" + body).digest()
    if _root_hash(leaf, proof) != proof.root_hash:
        raise Refused("its inclusion proof does not lead to the log's root hash")
    if proof.checkpoint is None:
        raise Refused("its inclusion proof has no checkpoint of the log")
    _check_checkpoint(proof.checkpoint.envelope, proof, log)


def _root_hash(leaf: bytes, proof: Proof) -> bytes | None:
    """The root hash by RFC 9162, 2.1.3.2; None if the path is too long or too short."""
    index, last, found = proof.log_index, proof.tree_size - 1, leaf
    if index > last:
        return None
    for sibling in proof.hashes:
        if last == 0:
            return None
        if index & 1 or index == last:
            found = hashlib.sha256(b"\1" + sibling + found).digest()
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\1" + found + sibling).digest()
        index, last = index >> 1, last >> 1
    return found if last == 0 else None


def _check_checkpoint(envelope: str, proof: Proof, log: Log) -> None:
    """https://github.com/C2SP/C2SP/blob/main/tlog-checkpoint.md"""
    note, separator, signatures = envelope.partition("\n\n")
    lines = note.split("\n")
    if not separator or len(lines) < 3:
        raise Refused("its checkpoint is not a signed note")
    if lines[1] != str(proof.tree_size) or _decoded(lines[2]) != proof.root_hash:
        raise Refused("its checkpoint is of another tree than its inclusion proof")
    for match in map(_NOTE_SIGNATURE.fullmatch, signatures.splitlines()):
        signature = _decoded(match.group(2)) if match else b""
        if log.key.signed(signature[_HINT_BYTES:], f"{note}\n".encode()):
            return
    raise Refused("its checkpoint is not signed by the log its entry names")


def _decoded(text: str) -> bytes:
    try:
        return decode(text)
    except ValueError:
        return b""
