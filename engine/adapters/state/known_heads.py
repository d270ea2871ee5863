"""The last known head of every ledger, in a small file of the state directory."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.domain.artifact import Digest
from engine.domain.audit import KnownHead
from engine.domain.errors import ConfigError
from engine.domain.record import DigestText
from engine.runtime.disk_errors import disk_fix
from engine.runtime.whole_files import write_file

_MAX_BYTES = 4 * 1024 * 1024


class _Head(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    sequence: int = Field(ge=1)
    digest: DigestText


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    # By repository, then by environment.
    heads: dict[str, dict[str, _Head]] = Field(default_factory=dict)


class FileHeads:
    """
    The `Heads` of the repository called `reference`, in the file at `path`.

    Two audits that end at once may lose what one of them learned: the next one learns it again.
    """

    def __init__(self, path: Path, reference: str) -> None:
        self._path = path
        self._repository = reference

    @property
    def reference(self) -> str:
        return str(self._path)

    def known(self, environment: str) -> KnownHead | None:
        head = self._read().heads.get(self._repository, {}).get(environment)
        return KnownHead(head.sequence, Digest(head.digest)) if head else None

    def remember(self, environment: str, head: KnownHead) -> None:
        everywhere = self._read().heads
        mine = everywhere.get(self._repository, {})
        seen = _Head(sequence=head.sequence, digest=str(head.digest))
        changed = {**everywhere, self._repository: {**mine, environment: seen}}
        self._write(_Document(heads=changed).model_dump_json(indent=1).encode())

    def _read(self) -> _Document:
        try:
            with self._path.open("rb") as file:
                return _Document.model_validate_json(file.read(_MAX_BYTES))
        except FileNotFoundError:
            return _Document()
        except OSError as error:
            raise ConfigError(
                f"{self._path} cannot be read: {error.strerror}; give this user read access, or "
                "point state.dir elsewhere"
            ) from error
        except ValidationError as error:
            raise ConfigError(
                f"{self._path} holds no ledger heads, so whether a ledger was rewritten cannot be "
                "told: restore the file, or remove it to begin anew"
            ) from error

    def _write(self, content: bytes) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_file(self._path, content)
        except OSError as error:
            out = disk_fix(error)
            raise ConfigError(f"{self._path} cannot be written: {error.strerror}; {out}") from error
