"""Referrers of an artifact that may be ledger entries: bounded, the likely ones first."""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.adapters.ledger.encoding import LEDGER
from engine.domain.artifact import Digest
from engine.domain.errors import LedgerUnreadableError
from engine.domain.manifest import Descriptor

# Everyone with push access can attach fake records, so the number read is limited.
MAX_CLAIMS = 200
# A record's annotations have at most 60 KiB; the rest of its manifest is small.
MAX_CLAIM_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Claims:
    """The referrers of `digest` to `read`; `left_out` of all `count` are not read."""

    digest: Digest
    kind: str
    environment: str
    read: tuple[Descriptor, ...]
    count: int

    @property
    def left_out(self) -> int:
        return self.count - len(self.read)

    def unknown(self) -> LedgerUnreadableError:
        """The error to raise when the wanted record may be among those left out."""
        return LedgerUnreadableError(
            f"{self.digest} has {self.count} referrers that may be {self.kind} records of "
            f"'{self.environment}', and only {len(self.read)} are read. Remove the referrers that "
            "floe did not write from the registry (floe platform audit history shows its records)",
            {"digest": str(self.digest), "referrers": self.count, "read": len(self.read)},
        )


def claims(listed: Iterable[Descriptor], digest: Digest, kind: str, environment: str) -> Claims:
    """
    Select from `listed` the possible records of `environment`: those annotated with it first,
    newest first, then those without an environment annotation.
    """
    possible = {
        each.digest: each
        for each in listed
        if _of(each, "environment") in (None, environment) and each.size <= MAX_CLAIM_BYTES
    }
    ordered = sorted(possible.values(), key=_sequence, reverse=True)
    return Claims(digest, kind, environment, tuple(ordered[:MAX_CLAIMS]), len(ordered))


def _sequence(listed: Descriptor) -> int:
    text = _of(listed, "sequence") or ""
    return int(text[:18]) if text.isascii() and text.isdigit() else 0


def _of(listed: Descriptor, name: str) -> str | None:
    return (listed.annotations or {}).get(f"{LEDGER}{name}")
