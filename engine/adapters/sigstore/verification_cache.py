"""Caches good verdicts about signatures; bad ones are verified again (FR-022)."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from engine.domain.artifact import Digest
from engine.domain.errors import StoreUnavailableError
from engine.domain.manifest import Manifest
from engine.domain.openvex import VexStatements
from engine.domain.signature import SignatureVerdict
from engine.ports import Clock, RegistryReader, Verifier
from engine.ports.change_store import ChangeStore

_log = logging.getLogger(__name__)
_FIELDS = ("mode", "issuer", "subject", "fingerprint")


class ConfiguredVerifier(Verifier, Protocol):
    @property
    def verification_digest(self) -> str:
        """The hash of all settings a verdict depends on."""
        ...


@dataclass(frozen=True)
class CachingVerifier:
    """
    Implements `Verifier` with a cache of the good verdicts of `verifier`.

    The key is the artifact's digest and the settings. Without a usable store, every call verifies.
    """

    verifier: ConfiguredVerifier
    store: ChangeStore
    clock: Clock

    def verify(self, registry: RegistryReader, manifest: Manifest) -> SignatureVerdict:
        key = self._key(manifest)
        cached = self._recall(key)
        if cached is not None:
            return cached
        verdict = self.verifier.verify(registry, manifest)
        if verdict.verified:
            self._remember(key, verdict)
        return verdict

    def vex(self, registry: RegistryReader, artifact: Digest) -> VexStatements | None:
        """Not cached: newer documents may be attached at any time."""
        return self.verifier.vex(registry, artifact)

    def _key(self, manifest: Manifest) -> str:
        text = f"{manifest.digest} {self.verifier.verification_digest}"
        return hashlib.sha256(text.encode()).hexdigest()

    def _recall(self, key: str) -> SignatureVerdict | None:
        try:
            stored = self.store.recall(key)
        except StoreUnavailableError as error:
            _log.warning("cached verdict not read: %s", error)
            return None
        return _verdict(stored) if stored else None

    def _remember(self, key: str, verdict: SignatureVerdict) -> None:
        try:
            fields: dict[str, JsonValue] = {name: getattr(verdict, name) for name in _FIELDS}
            self.store.remember(key, fields, self.clock.now())
        except StoreUnavailableError as error:
            _log.warning("good verdict not cached: %s", error)


def _verdict(stored: Mapping[str, JsonValue]) -> SignatureVerdict | None:
    """The stored verdict; None if it is not a valid good verdict."""
    mode = stored.get("mode")
    if mode not in ("key", "keyless"):
        return None
    issuer, subject, fingerprint = (_text(stored.get(name)) for name in _FIELDS[1:])
    return SignatureVerdict(
        "key" if mode == "key" else "keyless",
        issuer,
        subject,
        fingerprint,
        problem=None,
        cached=True,
    )


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None
