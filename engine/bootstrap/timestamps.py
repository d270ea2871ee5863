"""Opens the timestamp authority of a manifest, and loads certificates of an export."""

from datetime import datetime
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING

from engine.config.ledger import TimestampSettings
from engine.ports.signer import TimestampAuthority

if TYPE_CHECKING:
    from engine.attestation.timestamps import TimestampCertificates


class LazyTimestamps:
    """
    Implements `TimestampVerifier`, and `TimestampAuthority` if `settings` have a URL.

    The client is loaded when it is first used, since most commands do without it.
    """

    def __init__(self, settings: TimestampSettings) -> None:
        self._settings = settings

    def verify(self, timestamp: bytes, signature: bytes) -> datetime:
        return self._certificates.verify(timestamp, signature)

    def issue(self, signature: bytes) -> bytes:
        return self._authority.issue(signature)

    @cached_property
    def _certificates(self) -> "TimestampCertificates":
        file = self._settings.certificates
        return load_certificates(file.content, str(file.path))

    @cached_property
    def _authority(self) -> TimestampAuthority:
        module = import_module("engine.adapters.signing.timestamp_authority")
        authority: TimestampAuthority = module.HttpTimestampAuthority(
            self._settings.url, self._certificates
        )
        return authority


def load_certificates(pem: bytes, name: str) -> "TimestampCertificates":
    """Load a verifier of timestamps; ConfigError with `name` for unusable certificates."""
    module = import_module("engine.attestation.timestamps")
    verifier: TimestampCertificates = module.TimestampCertificates(
        module.load_certificates(pem, name)
    )
    return verifier
