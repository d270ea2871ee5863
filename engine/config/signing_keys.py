"""References to the key that signs ledger entries, and the keys that are trusted."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import BeforeValidator, SecretStr, ValidationInfo

from engine.config.environment_variables import KeyFile, UnsetSecret, read_key_file
from engine.config.field_types import variable_name
from engine.config.validation_context import context_of
from engine.domain.errors import ConfigError

SigningKind = Literal["env", "file", "awskms", "gcpkms", "azurekms", "hashivault"]
_SERVICES = ("awskms", "gcpkms", "azurekms", "hashivault")
_KEY_FORMS = (
    "env:NAME, file:PATH, awskms:KEY, gcpkms:RESOURCE, azurekms:VAULT/KEY and hashivault:KEY"
)


@dataclass(frozen=True)
class SigningKey:
    """
    The place of a private key: a variable, a file, or a key management service.

    `address` is the name of the variable, the path, or the key as the service names it; `pem` is
    the value of the variable.
    """

    kind: SigningKind
    address: str
    pem: SecretStr | None = None

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.address}"


def _trusted_key(value: Any, info: ValidationInfo) -> KeyFile:
    """Read a public key, from a file or from the text itself, and check that it is usable."""
    if isinstance(value, str) and value.lstrip().startswith("-----BEGIN"):
        found, name = KeyFile(Path(), value.encode()), "the key"
    else:
        found = read_key_file(value, info)
        name = str(found.path)
    try:
        # Imported only for a trusted key: cryptography is slow to import.
        import_module("engine.attestation.keys").load_ledger_key(found.content, name)
    except ConfigError as error:
        raise ValueError(str(error)) from error
    return found


def _checkpoint_key(value: Any, info: ValidationInfo) -> KeyFile:
    """Read a public key that can verify checkpoints."""
    found = _trusted_key(value, info)
    keys = import_module("engine.attestation.keys")
    if keys.load_ledger_key(found.content, "the key").kind != "ed25519":
        raise ValueError("is not an Ed25519 key: checkpoints need one")
    return found


def _certificates(value: Any, info: ValidationInfo) -> KeyFile:
    """Read a file of certificates, and check that a root is among them."""
    found = read_key_file(value, info)
    try:
        import_module("engine.attestation.timestamps").load_certificates(
            found.content, str(found.path)
        )
    except ConfigError as error:
        raise ValueError(str(error)) from error
    return found


def _signing_key(value: Any, info: ValidationInfo) -> SigningKey | UnsetSecret:
    """Parse `kind:address`; a private key in the file itself is refused."""
    text = value if isinstance(value, str) else ""
    if "-----BEGIN" in text:
        raise ValueError("must not be in the file: write env:NAME or file:PATH")
    kind, colon, address = text.partition(":")
    address = address.removeprefix("//").lstrip("/") if kind in _SERVICES else address
    if not colon or not address or "\0" in address or kind not in get_args(SigningKind):
        raise ValueError(f"must be one of {_KEY_FORMS}")
    if kind == "azurekms" and not all(address.partition("/")):
        raise ValueError("must be azurekms:VAULT/KEY")
    context = context_of(info)
    if kind == "file":
        return SigningKey("file", str(context.base / address))
    if kind == "env":
        context.variables.add(variable_name(address))
    if kind == "env" and not context.environ.get(address):
        return UnsetSecret(f"the environment variable {address} is not set")
    pem = SecretStr(context.environ[address]) if kind == "env" else None
    return SigningKey(cast(SigningKind, kind), address, pem)


TrustedKey = Annotated[KeyFile, BeforeValidator(_trusted_key, json_schema_input_type=str)]
CheckpointKey = Annotated[KeyFile, BeforeValidator(_checkpoint_key, json_schema_input_type=str)]
CertificateFile = Annotated[KeyFile, BeforeValidator(_certificates, json_schema_input_type=str)]
SigningKeyPlace = Annotated[
    SigningKey | SecretStr, BeforeValidator(_signing_key, json_schema_input_type=str)
]
