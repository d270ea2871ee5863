"""Options of an object store, split into those of the store and of its HTTP client."""

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from obstore.exceptions import UnknownConfigurationKeyError
from pydantic import JsonValue

from engine.config.error_messages import suggest
from engine.domain.errors import ConfigError
from engine.domain.text import printable

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Config


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# https://developmentseed.org/obstore/latest/api/store/config/
CLIENT_OPTIONS = _names(
    "allow_http allow_invalid_certificates connect_timeout default_content_type default_headers "
    "pool_idle_timeout pool_max_idle_per_host proxy_ca_certificate proxy_excludes proxy_url "
    "randomize_addresses read_timeout root_certificate timeout user_agent"
)
# Common options, for suggestions; obstore validates names and accepts more spellings.
STORE_OPTIONS = {
    "s3": _names(
        "access_key_id checksum_algorithm conditional_put default_region disable_tagging endpoint "
        "metadata_endpoint region request_payer secret_access_key server_side_encryption "
        "session_token skip_signature sse_bucket_key_enabled sse_customer_key_base64 "
        "sse_kms_key_id unsigned_payload virtual_hosted_style_request web_identity_token_file"
    ),
    "gs": _names(
        "application_credentials base_url bearer_token service_account service_account_key "
        "skip_signature"
    ),
    "az": _names(
        "account_key account_name authority_host client_id client_secret disable_tagging endpoint "
        "federated_token_file msi_endpoint sas_key skip_signature tenant_id token use_azure_cli "
        "use_emulator"
    ),
}
_OPTIONS = "artifacts.promotion.audit.options"
_PREFIX = re.compile(r"^(?:aws|google|azure)_")
_SECONDS = frozenset({"connect_timeout", "pool_idle_timeout", "read_timeout", "timeout"})
_ENDPOINTS = ("endpoint", "endpoint_url")
_CHECKSUM = "checksum_algorithm"


def store_options(scheme: str, options: Mapping[str, JsonValue]) -> "S3Config":
    """
    The options of the store itself; ConfigError for values that are not text, number or boolean.

    S3 requires a checksum for a PUT into a bucket with Object Lock, so one is sent by default.
    `checksum_algorithm: none` turns it off, for compatible stores that do not accept the header.
    """
    chosen = {name: _scalar(name, value) for name, value in options.items() if not _is_client(name)}
    if scheme in ("s3", "s3a"):
        given = [name for name in chosen if _bare(name) == _CHECKSUM]
        for name in given:
            if str(chosen[name]).lower() == "none":
                del chosen[name]
        if not given and not os.environ.get("AWS_CHECKSUM_ALGORITHM"):
            chosen[_CHECKSUM] = "SHA256"
    return cast("S3Config", chosen)


def client_options(options: Mapping[str, JsonValue]) -> "ClientConfig":
    """The options of the HTTP client; an endpoint with http:// implies `allow_http`."""
    chosen: dict[str, object] = {"timeout": "10s", "connect_timeout": "5s"}
    spelled = [str(value) for name, value in options.items() if _bare(name) in _ENDPOINTS]
    spelled += [os.environ.get(f"AWS_{name}".upper(), "") for name in _ENDPOINTS]
    if any(endpoint.startswith("http://") for endpoint in spelled):
        chosen["allow_http"] = True
    for name, value in options.items():
        if _is_client(name):
            chosen[_bare(name)] = _client_value(_bare(name), value)
    return cast("ClientConfig", chosen)


def unknown_option(scheme: str, error: UnknownConfigurationKeyError) -> ConfigError:
    """The error for an option that obstore does not know."""
    found = re.search(r"'([^']*)'", str(error))
    name = found[1] if found else "<unknown>"
    known = [*STORE_OPTIONS.get(scheme, STORE_OPTIONS["s3"]), *CLIENT_OPTIONS]
    return ConfigError(
        f"{_OPTIONS}.{printable(name)[:100]}: {scheme}:// has no such option: "
        f"{suggest(name, known)}"
    )


def _bare(name: str) -> str:
    """`name` as obstore reads it: `AWS_REGION`, `aws_region` and `region` are the same."""
    return _PREFIX.sub("", name.lower())


def _is_client(name: str) -> bool:
    return _bare(name) in CLIENT_OPTIONS


def _scalar(name: str, value: JsonValue) -> str | bool:
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        return str(value)
    raise ConfigError(f"{_OPTIONS}.{printable(name)[:100]}: use text, a number, true or false")


def _client_value(name: str, value: JsonValue) -> object:
    if name == "default_headers" and isinstance(value, dict):
        return {header: str(_scalar(f"{name}.{header}", text)) for header, text in value.items()}
    scalar = _scalar(name, value)
    # obstore needs a unit; many guides give bare seconds.
    whole = isinstance(scalar, str) and re.fullmatch(r"\d+(\.\d+)?", scalar, re.ASCII)
    return f"{scalar}s" if whole and name in _SECONDS else scalar
