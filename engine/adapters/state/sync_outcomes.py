"""How secondaries ended up after the fact, in a small file of the state directory."""

import logging
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.domain.record import RegistrySync
from engine.runtime.whole_files import write_file

_log = logging.getLogger(__name__)
_MAX_BYTES = 4 * 1024 * 1024


class _Noted(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    record: str
    outcomes: tuple[RegistrySync, ...]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    # By repository, then by environment: the newest record of each.
    noted: dict[str, dict[str, _Noted]] = Field(default_factory=dict)


class FileOutcomes:
    """
    The `Outcomes` of the primary called `reference`, in the file at `path`.

    Two that note at once may lose what one of them knew: the next `sync` finds it out again.
    """

    def __init__(self, path: Path, reference: str) -> None:
        self._path = path
        self._repository = reference

    def known(self, environment: str, record: str) -> tuple[RegistrySync, ...]:
        noted = self._read().noted.get(self._repository, {}).get(environment)
        return noted.outcomes if noted and noted.record == record else ()

    def note(self, environment: str, record: str, outcomes: Sequence[RegistrySync]) -> None:
        everywhere = self._read().noted
        here = everywhere.get(self._repository, {})
        noted = _Noted(record=record, outcomes=tuple(outcomes))
        changed = {**everywhere, self._repository: {**here, environment: noted}}
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_file(self._path, _Document(noted=changed).model_dump_json(indent=1).encode())
        except OSError as error:
            _log.warning("%s cannot be written: %s", self._path, error.strerror)

    def _read(self) -> _Document:
        try:
            with self._path.open("rb") as file:
                return _Document.model_validate_json(file.read(_MAX_BYTES))
        except FileNotFoundError:
            return _Document()
        except OSError as error:
            _log.warning("%s cannot be read, and is begun anew: %s", self._path, error.strerror)
        except ValidationError:
            _log.warning("%s holds no outcomes of secondaries, and is begun anew", self._path)
        return _Document()
