"""The section `ledger`: the key that signs its entries, and the keys that are trusted."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict

from engine.config.field_types import Duration, Flag, Given, Section, Url
from engine.config.signing_keys import (
    CertificateFile,
    CheckpointKey,
    SigningKeyPlace,
    TrustedKey,
)
from engine.domain.audit import Anchor
from engine.domain.errors import UsageError
from engine.domain.selection import parse_anchor
from engine.domain.tlog.note import COSIGNATURE, NoteKey


def _witness_key(text: str) -> str:
    if NoteKey.parse(text).kind != COSIGNATURE:
        raise ValueError("is the key of a log and not of a witness: the type of its key is not 4")
    return text


def _anchor(value: Any) -> Anchor:
    try:
        return parse_anchor(str(value))
    except UsageError as error:
        raise ValueError(str(error)) from error


WitnessKey = Annotated[str, AfterValidator(_witness_key)]
AdoptedEntry = Annotated[Anchor, BeforeValidator(_anchor, json_schema_input_type=str)]


class CurrentSettings(Section):
    """Signed statements of the versions that may run in an environment, attached to them."""

    keep: Annotated[int, Strict(), Field(ge=0, le=20)] = Field(
        default=1,
        description="number of earlier versions that may also run, for instances that are not "
        "replaced yet; those that were rolled back are never among them",
    )
    valid: Duration = Field(
        default=129_600,
        ge=3600,
        description="how long a statement is valid; it is renewed after two thirds of that",
        examples=["36h"],
        json_schema_extra={"default": "36h"},
    )


class Signing(Section):
    """The key that signs ledger entries."""

    key: SigningKeyPlace = Field(
        description="the private key: env:NAME, file:PATH (PEM, PKCS#8), awskms:KEY, "
        "gcpkms:RESOURCE, azurekms:VAULT/KEY or hashivault:KEY",
        examples=["env:FLOE_LEDGER_KEY", "awskms:alias/floe"],
    )
    formats: tuple[Literal["bundle", "legacy"], ...] = Field(
        default=("bundle",),
        description="`legacy` also writes attestations to cosign's earlier tags (sha256-….att), "
        "for admission controllers that cannot judge bundles; `bundle` is always among them",
        examples=[["bundle", "legacy"]],
    )
    current: Given[CurrentSettings] = Field(
        default=None,
        description="states which versions may run, for admission controllers; without it there is "
        "no such statement",
    )


class TimestampSettings(Section):
    """A timestamp authority (RFC 3161): it states when the signature of an entry existed."""

    url: Given[Url] = Field(
        default=None,
        description="the address of the authority; without it timestamps are only verified",
        examples=["https://tsa.example.com"],
    )
    certificates: CertificateFile = Field(
        description="a PEM file with the root certificates of all authorities that were ever used, "
        "and intermediate ones that their answers lack",
        examples=["keys/tsa.pem"],
    )
    required: Flag = Field(
        default=False,
        description="end a change with exit code 5 if its entry gets no timestamp; locks and "
        "refusals are recorded in any case",
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


class WitnessEntry(Section):
    """A witness (C2SP tlog-witness): it signs only checkpoints that extend the one before."""

    url: Url = Field(description="the address, to which /add-checkpoint is added")
    key: WitnessKey = Field(
        description="its verifier key", examples=["witness.example+6b7e31a2+BJ…"]
    )


class RequireWitness(Section):
    """Refuses changes while a witness does not sign."""

    max_age: Duration = Field(
        default=3600,
        description="the longest time that an entry may wait for the first witness",
        examples=["1h"],
        json_schema_extra={"default": "1h"},
    )


class Ledger(Section):
    """Signed ledger entries. Without this section, entries are neither signed nor checked."""

    signing: Given[Signing] = Field(
        default=None,
        description="the key that signs entries, which is trusted too: only entries signed by it, "
        "or by one of trusted_keys, count",
    )
    trusted_keys: tuple[TrustedKey, ...] = Field(
        default=(),
        description="public keys of the installations that may write, as files or PEM text; "
        "only entries signed by one of them, by the key of signing, or by a key that `floe keys "
        "rotate` added, count",
        examples=[["keys/floe.key.pub"]],
    )
    distrusted_keys: tuple[TrustedKey, ...] = Field(
        default=(),
        description="public keys that are trusted no longer, like stolen ones, as files or PEM "
        "text, also if trusted_keys or the ledger names them: entries by them count only before "
        "one by another key that links to them",
        examples=[["keys/stolen.key.pub"]],
    )
    adopted: tuple[AdoptedEntry, ...] = Field(
        default=(),
        description="entries that count, with all entries before them, although no trusted key "
        "signed them: adopts a ledger from before signing was configured",
        examples=[["prod#7=sha256:9f86d081…"]],
    )
    timestamp: Given[TimestampSettings] = Field(
        default=None, description="timestamps of signed entries; without it there are none"
    )
    witnesses: tuple[WitnessEntry, ...] = Field(
        default=(), description="witnesses that are asked to sign each checkpoint too"
    )
    require_witness: Given[RequireWitness] = Field(
        default=None, description="without it, changes do not wait for witnesses"
    )
    checkpoint: Given[CheckpointSettings] = Field(
        default=None, description="checkpoints of the ledgers; without it there are none"
    )
