"""The key sessions are signed with, in the state directory."""

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
    The key, made when there is none; ConfigError for one that others may read, or that is no key.

    Removing the file signs everybody out.
    """
    path = state_dir / FILE_NAME
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(path)
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigError(
                f"{path} can be read by others, who could sign in as anybody: remove it, and it is "
                "made anew"
            )
        key = path.read_bytes()
    except OSError as error:
        out = disk_fix(error)
        raise ConfigError(f"{path} cannot be used: {error.strerror}; {out}") from error
    if len(key) != _BYTES:
        raise ConfigError(f"{path} is no session key: remove it, and it is made anew")
    return key


def _make(path: Path) -> None:
    if path.exists():
        return
    draft = path.with_name(f".{FILE_NAME}-{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
        # Unlike a rename, a link never replaces the key that another process has just made.
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
