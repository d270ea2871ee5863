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
_HOST = re.compile(r"(\[[^]@]*\]|[^:@]*)(:[0-9]*)?")
_FORM = "postgresql://USER:PASSWORD@HOST:5432/DATABASE"


def _database_url(value: Any, info: ValidationInfo) -> SecretStr:
    """Read env:NAME, file:PATH, or a URL in which ${NAME} is an environment variable."""
    kind, _, place = value.partition(":") if isinstance(value, str) else ("", "", "")
    if kind == "file":
        url = SecretStr(read_key_file(place, info).content.decode(errors="replace").strip())
    else:
        url = from_variable(place, info) if kind == "env" else fill(value, info)
    if kind not in ("env", "file") and any("${" not in each for each in _passwords(value)):
        raise ValueError("has its password in the file: write ${NAME}, env:NAME or file:PATH")
    if isinstance(url, UnsetSecret):
        return url
    scheme, _, rest = url.get_secret_value().partition("://")
    if scheme not in ("postgresql", "postgres"):
        raise ValueError(f"must be {_FORM}")
    if not _is_split_as_meant(rest):
        raise ValueError("has an @ or / in its password or user: percent-encode it (%40, %2F)")
    return url


def _passwords(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        # The text of the error would contain parts of the secret.
        raise ValueError(f"must be {_FORM}") from None
    given = parse_qs(parts.query)
    return [each for each in (parts.password, *given.get("password", ())) if each]


def _is_split_as_meant(url: str) -> bool:
    """
    For libpq the first @ or / ends the password of `url`, which is without its scheme. The rest
    would be a host or a port, which messages name.
    """
    place, _, path = url.partition("/")
    hosts = (place.partition("@")[2] if "@" in place else place).partition("?")[0]
    fit = all(_HOST.fullmatch(host) for host in hosts.split(","))
    return fit and "@" not in path.partition("?")[0]


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
