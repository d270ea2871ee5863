"""Good verdicts about signatures are remembered; bad ones are looked at again (FR-022)."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from engine.domain.errors import StoreUnavailableError
from engine.domain.manifest import Manifest
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
class RememberingVerifier:
    """
    Implements `Verifier`: asks `verifier` once per artifact and settings, if the answer is good.

    A verdict holds for as long as the bytes and the settings are the same, which are the key; a
    store that cannot be used only costs the time to verify again.
    """

    verifier: ConfiguredVerifier
    store: ChangeStore
    clock: Clock

    def verify(self, registry: RegistryReader, manifest: Manifest) -> SignatureVerdict:
        key = self._key(manifest)
        known = self._recalled(key)
        if known is not None:
            return known
        verdict = self.verifier.verify(registry, manifest)
        if verdict.verified:
            self._remember(key, verdict)
        return verdict

    def _key(self, manifest: Manifest) -> str:
        text = f"{manifest.digest} {self.verifier.verification_digest}"
        return hashlib.sha256(text.encode()).hexdigest()

    def _recalled(self, key: str) -> SignatureVerdict | None:
        try:
            kept = self.store.recall(key)
        except StoreUnavailableError as error:
            _log.warning("no verdict is remembered: %s", error)
            return None
        return _verdict(kept) if kept else None

    def _remember(self, key: str, verdict: SignatureVerdict) -> None:
        try:
            kept: dict[str, JsonValue] = {name: getattr(verdict, name) for name in _FIELDS}
            self.store.remember(key, kept, self.clock.now())
        except StoreUnavailableError as error:
            _log.warning("a good verdict is not remembered: %s", error)


def _verdict(kept: Mapping[str, JsonValue]) -> SignatureVerdict | None:
    """The verdict as it was kept; None for what is no good verdict, which is then not believed."""
    mode = kept.get("mode")
    if mode not in ("key", "keyless"):
        return None
    issuer, subject, fingerprint = (_text(kept.get(name)) for name in _FIELDS[1:])
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
