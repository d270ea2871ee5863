"""Tries the keys that sign ledger entries and checkpoints."""

import os
import secrets
from pathlib import Path
from stat import S_IMODE, S_IRWXG, S_IRWXO

from pydantic import SecretStr

from engine.attestation.keys import VerificationKey, load_der, load_ledger_key
from engine.bootstrap.keys import open_key
from engine.config import Config
from engine.config.environment_variables import KeyFile
from engine.config.signing_keys import SigningKey
from engine.doctor.diagnosis import Chart, Diagnosis
from engine.doctor.examination import System, Tries
from engine.domain.errors import PromotionError

_CHART = Chart("signing")
_MAKE = (
    "Make a key with floe keys generate --out floe.key, and write ledger: {signing: {key: "
    "'file:floe.key'}, trusted_keys: [floe.key.pub]}"
)


def signing_system(config: Config) -> System:
    return System(
        _CHART.system,
        lambda: _tries(config),
        "Check the key management service and its credentials",
    )


def _tries(config: Config) -> Tries:
    ledger = config.ledger
    if ledger.signing is not None:
        yield from _key_of_entries(ledger.signing.key, config)
    elif ledger.trusted_keys:
        yield _CHART.passed(
            "key", f"none here, and {len(ledger.trusted_keys)} trusted keys: entries are verified"
        )
    else:
        yield _CHART.warning("key", "entries of the ledger are neither signed nor verified", _MAKE)
    if ledger.checkpoint is not None and ledger.checkpoint.key is not None:
        found, diagnosis = _signature("checkpoint key", ledger.checkpoint.key)
        yield diagnosis
        if found is not None and found.kind != "ed25519":
            yield _CHART.failed(
                "checkpoint kind",
                "the checkpoint key is not an Ed25519 key",
                "Make one: floe keys generate --kind ed25519 --out checkpoint.key",
            )
        yield from _rights("checkpoint key file", ledger.checkpoint.key)


def _key_of_entries(key: SigningKey | SecretStr, config: Config) -> Tries:
    found, diagnosis = _signature("key", key)
    yield diagnosis
    yield from _rights("key file", key)
    if found is not None:
        yield _trust(found, config)


def _signature(name: str, key: SigningKey | SecretStr) -> tuple[VerificationKey | None, Diagnosis]:
    """Sign a random message; return the public key if that works."""
    if not isinstance(key, SigningKey):
        problem = getattr(key, "problem", "its variable is not set")
        return None, _CHART.failed(name, problem, "Set it where floe runs")
    message = secrets.token_bytes(32)
    try:
        signer = open_key(key)
        public = load_der(signer.public_key()) if signer else None
        signed = bool(signer and public and public.signed(signer.sign(message), message))
    except PromotionError as error:
        return None, _CHART.error(name, error, _unreadable(name, key))
    if public is None or not signed:
        return None, _CHART.failed(name, f"{key.name} made a wrong signature", _MAKE)
    return public, _CHART.passed(name, f"{key.name} signs ({public.kind}, {public.fingerprint})")


def _unreadable(name: str, key: SigningKey) -> str:
    """The advice for a file that cannot be read; the errors of other keys have their own."""
    if key.kind != "file" or os.access(key.address, os.R_OK):
        return ""
    if Path(key.address).exists():
        return f"Let the user that runs floe read it: chown $(id -un) {key.address}"
    kind = "" if name == "key" else " --kind ed25519"
    return f"Make it with floe keys generate{kind} --out {key.address}, or correct its path"


def _rights(name: str, key: SigningKey | SecretStr) -> Tries:
    """Judge who may read the file of a private key."""
    if not isinstance(key, SigningKey) or key.kind != "file":
        return
    path = Path(key.address)
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    found = f"other users of this machine may use {path} (mode {S_IMODE(mode):04o})"
    advice = f"Run chmod 600 {path}, and make a new key if others had access"
    if mode & S_IRWXO:
        yield _CHART.failed(name, found, advice)
    elif mode & S_IRWXG:
        # Containers often get their secrets through a group.
        yield _CHART.warning(name, found, advice)
    else:
        yield _CHART.passed(name, f"only its owner may read {path}")


def _trust(key: VerificationKey, config: Config) -> Diagnosis:
    name, ledger = "trusted keys", config.ledger
    if key.fingerprint in _fingerprints(ledger.distrusted_keys):
        return _CHART.failed(
            name,
            "ledger.distrusted_keys has the signing key, so its entries do not count",
            "Sign with another key: floe keys generate --out new.key",
        )
    advice = (
        "Write the output of floe keys show to keys/floe.pub, and list this file in "
        "ledger.trusted_keys"
    )
    if key.fingerprint in _fingerprints(ledger.trusted_keys):
        return _CHART.passed(name, "ledger.trusted_keys has the signing key")
    if ledger.trusted_keys:
        return _CHART.failed(
            name,
            "ledger.trusted_keys does not have the signing key, so machines without the private "
            "key ignore its entries",
            advice,
        )
    return _CHART.warning(
        name,
        "ledger.trusted_keys is empty: machines without the private key refuse to work",
        advice,
    )


def _fingerprints(keys: tuple[KeyFile, ...]) -> set[str]:
    return {load_ledger_key(key.content, str(key.path)).fingerprint for key in keys}
