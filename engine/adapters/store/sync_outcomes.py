"""Outcomes of secondaries found after the record was written, in the state directory's database."""

import logging
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from engine.adapters.store import statements as sql
from engine.adapters.store.older_files import move_file
from engine.domain.errors import StoreUnavailableError
from engine.domain.record import RegistrySync
from engine.runtime.database import Connection, Database

OLDER_FILE = "secondaries.json"
_log = logging.getLogger(__name__)
_OUTCOMES: TypeAdapter[tuple[RegistrySync, ...]] = TypeAdapter(
    tuple[RegistrySync, ...], config=ConfigDict(defer_build=True)
)


class _Noted(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    record: str
    outcomes: tuple[RegistrySync, ...]


class _Document(BaseModel):
    """An older floe's file: the newest record by repository, then by environment."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    noted: dict[str, dict[str, _Noted]] = Field(default_factory=dict)


class SqlOutcomes:
    """Implements `engine.ports.secondary.Outcomes` for the primary called `repository`."""

    def __init__(self, database: Database, repository: str) -> None:
        self._database = database
        self._repository = repository

    def known(self, environment: str, record: str) -> tuple[RegistrySync, ...]:
        try:
            move_file(self._database, OLDER_FILE, _insert)
            if not self._database.exists():
                return ()
            with self._database.read() as db:
                values = [self._repository, environment, record]
                row = db.execute(sql.OUTCOMES, values).fetchone()
                return _OUTCOMES.validate_json(row[0]) if row else ()
        except StoreUnavailableError as error:
            _log.warning("outcomes of secondaries cannot be read: %s", error)
            return ()

    def note(self, environment: str, record: str, outcomes: Sequence[RegistrySync]) -> None:
        content = _OUTCOMES.dump_json(tuple(outcomes)).decode()
        try:
            move_file(self._database, OLDER_FILE, _insert)
            with self._database.write() as db:
                values = [self._repository, environment, record, content]
                db.execute(sql.KEEP_OUTCOMES, values)
        except StoreUnavailableError as error:
            _log.warning("outcomes of secondaries cannot be kept: %s", error)


def _insert(db: Connection, content: bytes) -> None:
    try:
        noted = _Document.model_validate_json(content).noted
    except ValidationError:
        _log.warning("%s does not hold outcomes of secondaries: run sync again", OLDER_FILE)
        return
    for repository, environments in noted.items():
        for environment, each in environments.items():
            outcomes = _OUTCOMES.dump_json(each.outcomes).decode()
            db.execute(sql.ADD_OUTCOMES, [repository, environment, each.record, outcomes])
