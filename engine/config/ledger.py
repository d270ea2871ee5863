"""The section `ledger`: the key that signs its entries, and the keys that are trusted."""

from pydantic import Field

from engine.config.field_types import Given, Section
from engine.config.signing_keys import CheckpointKey, SigningKeyPlace, TrustedKey


class Signing(Section):
    """The key that signs ledger entries."""

    key: SigningKeyPlace = Field(
        description="the private key: env:NAME, file:PATH (PEM, PKCS#8), awskms:KEY, "
        "gcpkms:RESOURCE, azurekms:VAULT/KEY or hashivault:KEY",
        examples=["env:FLOE_LEDGER_KEY", "awskms:alias/floe"],
    )


class CheckpointSettings(Section):
    """The keys of checkpoints, which sign the whole ledger of an environment at one moment."""

    key: Given[SigningKeyPlace] = Field(
        default=None,
        description="the private key that signs checkpoints: Ed25519, in the forms of "
        "ledger.signing.key; without it checkpoints are only verified",
        examples=["env:FLOE_CHECKPOINT_KEY"],
    )
    public_keys: tuple[CheckpointKey, ...] = Field(
        default=(),
        description="public keys that verify checkpoints, as files or PEM text; the one of key is "
        "always among them",
        examples=[["keys/checkpoint.key.pub"]],
    )


class Ledger(Section):
    """Signed ledger entries. Without this section, entries are neither signed nor checked."""

    signing: Given[Signing] = Field(
        default=None, description="the key that signs entries; without it they are not signed"
    )
    trusted_keys: tuple[TrustedKey, ...] = Field(
        default=(),
        description="public keys of the installations that may write, as files or PEM text; "
        "entries signed by no other key count. The key of signing is always trusted",
        examples=[["keys/floe.key.pub"]],
    )
    checkpoint: Given[CheckpointSettings] = Field(
        default=None, description="checkpoints of the ledgers; without it there are none"
    )
