"""The section `state`: the place of all data that is not in the registry."""

import re
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo

from engine.config.environment_variables import (
    ResolvedPath,
    UnsetSecret,
    fill,
    from_variable,
    read_key_file,
)
from engine.config.field_types import Given, Section

_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}", re.ASCII)
_FORM = "postgresql://USER:PASSWORD@HOST:5432/DATABASE"


def _database_url(value: Any, info: ValidationInfo) -> SecretStr:
    """Read env:NAME, file:PATH, or a URL in which ${NAME} is an environment variable."""
    kind, _, place = value.partition(":") if isinstance(value, str) else ("", "", "")
    if kind == "file":
        url = SecretStr(read_key_file(place, info).content.decode(errors="replace").strip())
    else:
        url = from_variable(place, info) if kind == "env" else fill(value, info)
    if isinstance(url, UnsetSecret):
        return url
    parts = _split(url.get_secret_value())
    if kind not in ("env", "file") and _has_password(*_split(value)) and "${" not in value:
        raise ValueError("has its password in the file: write ${NAME}, env:NAME or file:PATH")
    if parts[0] not in ("postgresql", "postgres"):
        raise ValueError(f"must be {_FORM}")
    return url


def _split(url: str) -> tuple[str, str | None, str]:
    """Return scheme, password and query of `url`."""
    try:
        parts = urlsplit(url)
    except ValueError:
        # The text of the error would contain parts of the secret.
        raise ValueError(f"must be {_FORM}") from None
    return parts.scheme, parts.password, parts.query


def _has_password(_scheme: str, password: str | None, query: str) -> bool:
    return bool(password) or "password" in parse_qs(query)


def _schema(name: str) -> str:
    if not _SCHEMA.fullmatch(name) or name.startswith("pg_"):
        raise ValueError("must be lower case letters, digits and _, and not begin with pg_")
    return name


DatabaseUrl = Annotated[SecretStr, BeforeValidator(_database_url, json_schema_input_type=str)]


class State(Section):
    """The state that floe keeps outside the registry."""

    dir: Given[ResolvedPath] = Field(
        default=None,
        description="for the store, leases and caches; default .floe beside the manifest",
    )
    url: Given[DatabaseUrl] = Field(
        default=None,
        description="PostgreSQL, which several servers share, instead of files in dir: "
        "postgresql://…, env:NAME or file:PATH; ${NAME} is read from the environment",
        examples=[
            "env:FLOE_STATE_URL",
            "postgresql://floe:${FLOE_DB_PASSWORD}@db.example.com/floe",
        ],
    )
    listen_url: Given[DatabaseUrl] = Field(
        default=None,
        description="the direct address of the database where url is a pooler in transaction "
        "mode, which does not deliver notifications; written like url",
        examples=["env:FLOE_STATE_LISTEN_URL"],
    )
    schema_name: Annotated[str, AfterValidator(_schema)] = Field(
        default="floe",
        alias="schema",
        description="the schema of url, one for each manifest that shares the database",
    )
