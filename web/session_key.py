"""The key that signs sessions, in the state directory."""

import os
import secrets
import stat
from pathlib import Path

from engine.domain.errors import ConfigError
from engine.runtime.disk_errors import disk_fix

FILE_NAME = "web.key"
_BYTES = 32


def session_key(state_dir: Path) -> bytes:
    """
    Return the key, and create it if there is none.

    Raises ConfigError for a file that others may read or that holds no key. Removing the file
    signs everybody out.
    """
    path = state_dir / FILE_NAME
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(path)
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigError(
                f"{path} can be read by other users, who could forge sign-ins: remove it, and floe "
                "creates a new one"
            )
        key = path.read_bytes()
    except OSError as error:
        out = disk_fix(error)
        raise ConfigError(f"{path} cannot be used: {error.strerror}; {out}") from error
    if len(key) != _BYTES:
        raise ConfigError(f"{path} is not a session key: remove it, and floe creates a new one")
    return key


def _make(path: Path) -> None:
    if path.exists():
        return
    draft = path.with_name(f".{FILE_NAME}-{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
        # A link never replaces a key that another process just created; a rename would.
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
