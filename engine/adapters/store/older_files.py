"""Move the JSON files of an older floe into the database of the state directory."""

from collections.abc import Callable
from contextlib import suppress

from engine.domain.errors import StoreUnavailableError
from engine.runtime.database import Connection, Database
from engine.runtime.disk_errors import disk_fix

_MAX_BYTES = 4 * 1024 * 1024


def move_file(database: Database, name: str, insert: Callable[[Connection, bytes], None]) -> None:
    """
    Insert the content of the file `name` beside `database` and remove the file.

    The file goes once its content is committed, so that a kill at any moment loses nothing; a later
    call may insert the same content again, which must not replace newer content.
    """
    if database.directory is None:
        return
    path = database.directory / name
    with database.translated_errors():
        if not path.exists():
            return
    with database.write() as db:
        try:
            with path.open("rb") as file:
                content = file.read(_MAX_BYTES)
        except FileNotFoundError:
            # Another process has moved it.
            return
        except OSError as error:
            raise StoreUnavailableError(
                f"{path} cannot be read: {error.strerror}; {disk_fix(error)}"
            ) from error
        insert(db, content)
    with suppress(OSError):
        path.unlink(missing_ok=True)
