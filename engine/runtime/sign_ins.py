"""The sign-ins of a person on this machine: their tokens in the keyring, or in a private file."""

import fcntl
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from engine.domain.errors import ConfigError
from engine.runtime.disk_errors import disk_fix
from engine.runtime.whole_files import make_private, write_file

_SERVICE = "floe"
_NAME = "sign-ins.json"


class SignIn(BaseModel):
    """
    A sign-in of `operator_id` with the client `client_id` of `issuer`, until `expires_at` (seconds
    since 1970). Without a refresh token it ends then.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    issuer: str
    client_id: str
    operator_id: str
    expires_at: int
    id_token: str = Field(default="", repr=False)
    refresh_token: str = Field(default="", repr=False)
    in_keyring: bool = False


_Stored = TypeAdapter(dict[str, SignIn])
_Tokens = TypeAdapter(dict[str, str])


class SignIns:
    """
    The sign-ins of this user, by their place: the address of a server, or `of_issuer`.

    Tokens are in the keyring of the desktop if the extra `keyring` is installed and it works, and
    else in the file itself, which only its owner can read.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.file = _config_home(environ.get("XDG_CONFIG_HOME", "")) / "floe" / _NAME

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(self._read())

    def find(self, place: str) -> SignIn | None:
        """Return the sign-in for `place` with its tokens; ConfigError if it cannot be read."""
        found = self._read().get(place)
        if found is None or not found.in_keyring:
            return found
        return found.model_copy(update=_from_keyring(place))

    def keep(self, place: str, sign_in: SignIn) -> None:
        """Store `sign_in` for `place`, in place of an earlier one; within `lock`."""
        tokens = sign_in.model_dump(include={"id_token", "refresh_token"})
        if _to_keyring(place, tokens):
            hidden = {"id_token": "", "refresh_token": "", "in_keyring": True}
            sign_in = sign_in.model_copy(update=hidden)
        self._write(self._read() | {place: sign_in})

    def forget(self, place: str) -> None:
        """Delete the sign-in for `place`; within `lock`."""
        found = self._read()
        if place in found and found[place].in_keyring:
            _drop_from_keyring(place)
        self._write({name: each for name, each in found.items() if name != place})

    @contextmanager
    def lock(self) -> Iterator[None]:
        """
        Wait for other commands that change sign-ins. A refresh token can be used only once, and a
        renewed sign-in must not return after a logout.
        """
        path = self.file.with_suffix(".lock")
        try:
            make_private(path)
            file = path.open("rb")
        except OSError as error:
            raise self._unusable("locked", error) from error
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _read(self) -> dict[str, SignIn]:
        try:
            with self.file.open("rb") as file:
                state = os.fstat(file.fileno())
                content = file.read()
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise self._unusable("read", error) from error
        if state.st_uid != os.getuid() or stat.S_IMODE(state.st_mode) & 0o077:
            raise ConfigError(
                f"{self.file} has tokens, and other users can read or own it: run chmod 600 "
                f"{self.file}, or delete it and run floe login"
            )
        try:
            return _Stored.validate_json(content)
        except ValidationError as error:
            raise ConfigError(
                f"{self.file} is not a file of sign-ins: delete it and run floe login"
            ) from error

    def _write(self, sign_ins: Mapping[str, SignIn]) -> None:
        content = json.dumps({name: each.model_dump() for name, each in sign_ins.items()})
        before = os.umask(0o077)
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_file(self.file, content.encode())
        except OSError as error:
            raise self._unusable("written", error) from error
        finally:
            os.umask(before)

    def _unusable(self, done: str, error: OSError) -> ConfigError:
        out = disk_fix(error, "check its permissions, or set XDG_CONFIG_HOME to another directory")
        return ConfigError(f"{self.file} cannot be {done} ({error.strerror}): {out}")


def of_issuer(issuer: str, client_id: str) -> str:
    """Name the sign-in of local commands, whose manifest admits `client_id` of `issuer`."""
    return f"{issuer} {client_id}"


def _config_home(configured: str) -> Path:
    """A relative path counts as none (XDG Base Directory Specification)."""
    if Path(configured).is_absolute():
        return Path(configured)
    try:
        return Path.home() / ".config"
    except RuntimeError:
        # The user of a container may have no home, and so no sign-ins.
        return Path(os.devnull) / ".config"


def _keyring() -> Any:
    """The library of the extra `keyring`; None without it."""
    return import_module("keyring") if find_spec("keyring") else None


def _from_keyring(place: str) -> Mapping[str, str]:
    try:
        return _Tokens.validate_json(_keyring().get_password(_SERVICE, place))
    except Exception as error:  # a backend may raise anything
        raise ConfigError(
            f"The keyring does not give the tokens of the sign-in for {place}: unlock it, or run "
            "floe login again"
        ) from error


def _to_keyring(place: str, tokens: Mapping[str, str]) -> bool:
    """Store `tokens`, and return whether the keyring has them: not every desktop has one."""
    try:
        library = _keyring()
        if library is None:
            return False
        library.set_password(_SERVICE, place, json.dumps(tokens))
        return bool(_from_keyring(place) == tokens)
    except Exception:  # noqa: BLE001 - a backend may raise anything, and the file remains
        return False


def _drop_from_keyring(place: str) -> None:
    with suppress(Exception):  # a backend may raise anything, also for absent entries
        _keyring().delete_password(_SERVICE, place)
