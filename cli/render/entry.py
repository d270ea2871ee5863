"""One record and its place in a ledger, as tables and documents need it."""

from typing import Protocol

from engine.domain.artifact import Digest
from engine.domain.record import AnyRecord
from engine.responses.common import Document
from engine.responses.ledger import record_document


class Entry(Protocol):
    """A ledger entry is one, and so is what a server says of it."""

    @property
    def environment(self) -> str: ...
    @property
    def sequence(self) -> int: ...
    @property
    def digest(self) -> Digest: ...
    @property
    def record(self) -> AnyRecord: ...


def entry_document(entry: Entry) -> Document:
    return record_document(entry.environment, entry.sequence, entry.digest, entry.record)
