"""Values that the file refers to: environment variables, and other files."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, SecretStr, ValidationInfo

from engine.config.field_types import variable_name, web_url
from engine.config.files import read_file
from engine.config.validation_context import base_of, check_variables, context_of
from engine.domain.artifact import Digest
from engine.domain.errors import ConfigError

MAX_KEY_FILE = 1024 * 1024
_REFERENCE = re.compile(r"\$\{([^{}]*)\}")


@dataclass(frozen=True)
class KeyFile:
    """A key or trust file, read once, so that its content is the one in the policy digest."""

    path: Path
    content: bytes = field(repr=False)

    @cached_property
    def digest(self) -> Digest:
        return Digest.of(self.content)


class UnsetSecret(SecretStr):
    """A secret whose environment variables are not set: reading it raises ConfigError."""

    def get_secret_value(self) -> str:
        raise ConfigError(self.problem)

    @property
    def problem(self) -> str:
        return self._secret_value


def _resolve(value: str, text: str, names: Iterable[str], info: ValidationInfo) -> SecretStr:
    """Replace the references in `text`, of `value`, by the values of the variables `names`."""
    check_variables(value, names, info)
    context_of(info).variables.update(names)
    environ = context_of(info).environ
    missing = [name for name in names if not environ.get(name)]
    if missing:
        return UnsetSecret(f"the environment variable {' and '.join(missing)} is not set")
    for name in names:
        if not environ[name].isprintable():
            raise ValueError(f"the environment variable {name} contains control characters")
    return SecretStr(_REFERENCE.sub(lambda match: environ[match[1]], text))


def from_variable(value: Any, info: ValidationInfo) -> SecretStr:
    if not isinstance(value, str):
        raise ValueError("must be the name of an environment variable")
    return _resolve(value, f"${{{variable_name(value)}}}", [value], info)


def fill(value: Any, info: ValidationInfo) -> SecretStr:
    """Replace every `${NAME}` by the value of that environment variable."""
    if not isinstance(value, str):
        raise ValueError("must be text: put it in quotes")
    if "${" in _REFERENCE.sub("", value):
        raise ValueError("has a ${ without its }")
    if not value.isprintable():
        raise ValueError("contains control characters")
    names = dict.fromkeys(map(variable_name, _REFERENCE.findall(value)))
    return _resolve(value, value, names, info)


def _credential(value: Any, info: ValidationInfo) -> SecretStr:
    if isinstance(value, str) and not _REFERENCE.search(value):
        raise ValueError("must not be in the file: write ${NAME} for an environment variable")
    return fill(value, info)


def _path(value: Any, info: ValidationInfo) -> Path:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("must be a path")
    return base_of(value, info) / value


def read_key_file(value: Any, info: ValidationInfo) -> KeyFile:
    """Read the file `value`; ValueError if it cannot be read, is empty or too large."""
    path = _path(value, info)
    try:
        content = read_file(path, MAX_KEY_FILE + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > MAX_KEY_FILE:
        raise ValueError(f"{path} is larger than {MAX_KEY_FILE} bytes")
    if not content.strip():
        raise ValueError(f"{path} is empty")
    return KeyFile(path, content)


def _existing_file(value: Any, info: ValidationInfo) -> Path:
    return read_key_file(value, info).path


def _secret_url(value: Any, info: ValidationInfo) -> SecretStr:
    filled = fill(value, info)
    if not isinstance(filled, UnsetSecret):
        web_url(filled.get_secret_value())
    return filled


FromVariable = Annotated[SecretStr, BeforeValidator(from_variable, json_schema_input_type=str)]
Filled = Annotated[SecretStr, BeforeValidator(fill, json_schema_input_type=str)]
Credential = Annotated[SecretStr, BeforeValidator(_credential, json_schema_input_type=str)]
SecretUrl = Annotated[SecretStr, BeforeValidator(_secret_url, json_schema_input_type=str)]
ResolvedPath = Annotated[Path, BeforeValidator(_path, json_schema_input_type=str)]
ExistingFile = Annotated[Path, BeforeValidator(_existing_file, json_schema_input_type=str)]
TrustFile = Annotated[KeyFile, BeforeValidator(read_key_file, json_schema_input_type=str)]
