"""Builds the checkpoints of the ledgers, and verifies exported ones without a manifest."""

import re
import ssl
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from engine.adapters.tlog.registry_store import RegistryCheckpoints
from engine.audit.anchors import select_anchors
from engine.audit.checkpoints import Checkpoints, CheckpointSource
from engine.audit.export import CHECKPOINT_FILE, KEYS_FILE
from engine.audit.export_verifier import LogFiles, verify_logs
from engine.bootstrap.exports import open_export, raw_ed25519, split_certificates
from engine.bootstrap.keys import entry_keys, open_key, show_key
from engine.config import Config
from engine.config.connection import RemoteRegistry
from engine.config.ledger import CheckpointSettings, WitnessEntry
from engine.config.signing_keys import SigningKey
from engine.domain.audit import Anchor, AuditReport
from engine.domain.errors import ConfigError, UsageError
from engine.domain.text import printable
from engine.domain.tlog.note import NoteKey
from engine.ports import LedgerReader, Progress, Registry
from engine.ports.checkpoints import Witness
from engine.ports.signer import Signer

if TYPE_CHECKING:
    from engine.attestation.keys import VerificationKey

CHECKPOINT = "ledger.checkpoint"
_KEY = f"{CHECKPOINT}.key"


def checkpoints_of(
    config: Config, registry: Registry, ledger: LedgerReader
) -> CheckpointSource | None:
    """The checkpoints as configured; None without any."""
    settings = config.ledger.checkpoint
    if settings is None:
        return None
    # Cryptography is slow to import, and a promotion does not need the key.
    opened = partial(_open_checkpoints, settings, config, registry, ledger)
    required = config.ledger.require_witness
    max_age = timedelta(seconds=required.max_age) if required else None
    return CheckpointSource(cache(opened), max_age)


def _open_checkpoints(
    settings: CheckpointSettings, config: Config, registry: Registry, ledger: LedgerReader
) -> Checkpoints:
    keys = import_module("engine.attestation.keys")
    public = [
        _raw_key(keys.load_ledger_key(each.content, str(each.path)).der, str(each.path))
        for each in settings.public_keys
    ]
    signer = partial(_signer, settings.key) if settings.key else None
    if signer is not None:
        # Without the key, which may be on another machine, checkpoints are only verified.
        with suppress(ConfigError):
            public.insert(0, _raw_key(signer().public_key(), _KEY))
    timestamp = config.ledger.timestamp
    return Checkpoints(
        origin=_origin(config),
        ledger=ledger,
        store=RegistryCheckpoints(registry),
        check=import_module("engine.adapters.tlog.ed25519").verify_ed25519,
        public_keys=tuple(dict.fromkeys(public)),
        signer=signer,
        witnesses=_witnesses(config.ledger.witnesses),
        entry_keys=partial(entry_keys, config),
        timestamp_certificates=timestamp.certificates.content if timestamp else b"",
    )


def _witnesses(entries: Iterable[WitnessEntry]) -> tuple[Witness, ...]:
    if not (found := tuple(entries)):
        return ()
    # Imported only for witnesses: the HTTP client is slow to import.
    make = import_module("engine.adapters.tlog.witness").HttpWitness
    check = import_module("engine.adapters.tlog.ed25519").verify_ed25519
    tls = ssl.create_default_context()
    return tuple(make(each.url, NoteKey.parse(each.key), tls, check) for each in found)


@cache
def _signer(key: SigningKey | SecretStr) -> Signer:
    signer = open_key(key)
    if signer is None:
        raise ConfigError(f"{_KEY} names an environment variable that is not set")
    _raw_key(signer.public_key(), _KEY)
    return signer


def verify_exports(
    directory: Path, keys: Iterable[str], anchors: Sequence[Anchor], progress: Progress
) -> AuditReport:
    """
    Verify the exported logs in the subdirectories of `directory`, or in itself.

    `keys` are verifier keys of the logs and their witnesses, or files in PEM: public keys of the
    logs and of their entries, and certificates of timestamp authorities. Without any of a kind,
    those in the export are used. UsageError for an invalid key, or if there is no export.
    """
    logs = [directory] if _is_log(directory) else list(filter(_is_log, sorted(directory.iterdir())))
    if not logs:
        raise UsageError(
            f"'{directory}' has no exported ledger: make one with floe platform audit export DIR"
        )
    check = import_module("engine.adapters.tlog.ed25519").verify_ed25519
    certificates, others = split_certificates(keys)
    given = [_parse_key(each) for each in others]
    pems = [each for each in given if not isinstance(each, NoteKey)]
    noted = [each if isinstance(each, NoteKey) else raw_ed25519(each.der) for each in given]
    known = tuple(each for each in noted if each is not None)
    raw = [(each.pem, raw_ed25519(each.der)) for each in pems]
    open_ledger = partial(open_export, raw, certificates)
    with ThreadPoolExecutor(8) as pool:
        empty = [each.name for each in directory.iterdir() if _is_empty(each)]
        files = [LogFiles(each, known, check) for each in logs]
        audits = verify_logs(files, empty, open_ledger, pool, anchors, progress)
    select_anchors(anchors, (each.environment for each in audits))
    return AuditReport(audits)


def _is_log(directory: Path) -> bool:
    return any((directory / name).exists() for name in (CHECKPOINT_FILE, KEYS_FILE, "tile"))


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _parse_key(text: str) -> "NoteKey | VerificationKey":
    """Parse a verifier key, or read the public key in the file `text`."""
    if Path(text).is_file():
        return show_key(Path(text))
    try:
        return NoteKey.parse(text)
    except ValueError as error:
        raise UsageError(
            f"'{printable(text)}' is neither a file nor a verifier key: {error}"
        ) from error


def _origin(config: Config) -> str:
    registry = config.registry
    if isinstance(registry, RemoteRegistry):
        return registry.reference
    return f"oci-layout/{re.sub(r'[^A-Za-z0-9._-]', '-', registry.layout.name)}"


def _raw_key(der: bytes, name: str) -> bytes:
    raw = raw_ed25519(der)
    if raw is None:
        raise ConfigError(
            f"{name} must be an Ed25519 key, to sign checkpoints. Make one: "
            "floe keys generate --kind ed25519 --out checkpoint.key"
        )
    return raw
