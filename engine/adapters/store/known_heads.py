"""The newest head seen of every ledger, in the database of the state directory."""

from contextlib import suppress

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.adapters.store import statements as sql
from engine.adapters.store.older_files import move_file
from engine.domain.artifact import Digest
from engine.domain.audit import KnownHead
from engine.domain.errors import StoreUnavailableError
from engine.domain.record_base import DigestText
from engine.runtime.database import Connection, Database

OLDER_FILE = "heads.json"


class _Head(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    sequence: int = Field(ge=1, lt=2**63)
    digest: DigestText


class _Document(BaseModel):
    """An older floe's file: heads by repository, then by environment."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    heads: dict[str, dict[str, _Head]] = Field(default_factory=dict)


class SqlHeads:
    """Implements `engine.ports.Heads` for the repository called `repository`."""

    def __init__(self, database: Database, repository: str) -> None:
        self._database = database
        self._repository = repository

    def known(self, environment: str) -> KnownHead | None:
        self._move_file()
        if not self._database.exists():
            return None
        try:
            with self._database.read() as db:
                return self._head(db, environment)
        except StoreUnavailableError as error:
            if self._database.directory is None:
                raise
            # A full or read-only disk prevents locks. An older head still detects a rewrite.
            with suppress(StoreUnavailableError), self._database.read_only() as db:
                empty = db.execute("SELECT 1 FROM sqlite_master").fetchone() is None
                return None if empty else self._head(db, environment)
            raise error

    def _head(self, db: Connection, environment: str) -> KnownHead | None:
        row = db.execute(sql.HEAD, [self._repository, environment]).fetchone()
        head = _Head(sequence=row[0], digest=row[1]) if row else None
        return KnownHead(head.sequence, Digest(head.digest)) if head else None

    def remember(self, environment: str, head: KnownHead) -> None:
        self._move_file()
        values = [self._repository, environment, head.sequence, str(head.digest)]
        self._database.apply(sql.KEEP_HEAD, values)

    def forget(self, environment: str) -> None:
        self._move_file()
        with self._database.write() as db:
            db.execute(sql.FORGET_HEAD, [self._repository, environment])

    def _move_file(self) -> None:
        move_file(self._database, OLDER_FILE, self._insert)

    def _insert(self, db: Connection, content: bytes) -> None:
        try:
            heads = _Document.model_validate_json(content).heads
        except ValidationError as error:
            path = f"{self._database.directory}/{OLDER_FILE}"
            raise StoreUnavailableError(
                f"{path} does not hold ledger heads, so a rewritten ledger cannot be detected: "
                "restore the file, or remove it to start without known heads"
            ) from error
        for repository, known in heads.items():
            for environment, head in known.items():
                db.execute(sql.KEEP_HEAD, [repository, environment, head.sequence, head.digest])
