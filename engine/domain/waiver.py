"""Waivers: vulnerabilities that do not block promotions into an environment for some time."""

import shlex
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from pydantic import Field

from engine.domain.purl import Purl
from engine.domain.record_base import UtcTime, Value
from engine.domain.text import iso_time

MAX_DAYS = 90
# The state of an environment has them all, and fits into one manifest.
MAX_WAIVERS = 50
_REASON_KEPT = 160


class WaiverTerms(Value):
    """
    Waive `vulnerability` (also by an alias) until `until`, in every package or in `package`: a
    package URL, which means every version if it has none, or the name that a scanner reports.
    """

    vulnerability: Annotated[str, Field(min_length=1, max_length=128)]
    package: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    until: UtcTime

    @property
    def key(self) -> str:
        """The subject of the waiver; an environment has one waiver for each."""
        return waiver_key(self.vulnerability, self.package)

    @property
    def shown(self) -> str:
        """`CVE-2026-1 in pkg:npm/lodash until 2026-12-24`."""
        return f"{self.key} until {show_until(self.until)}"

    @property
    def purl(self) -> Purl | None:
        """The package URL; None without one, or for a name."""
        return Purl.parse(self.package) if self.package and is_purl(self.package) else None

    def covers(self, ids: Iterable[str], package: str, purl: str | None) -> bool:
        """Whether it applies to a finding with `ids` in the `package` with the URL `purl`."""
        if self.vulnerability.casefold() not in {each.casefold() for each in ids}:
            return False
        if self.package is None or self.purl is None:
            return self.package in (None, package)
        try:
            return purl is not None and self.purl.covers(Purl.parse(purl))
        except ValueError:
            return False


class Waiver(WaiverTerms):
    """A waiver on the ledger: who waived, why, and the id of the record."""

    operator: str
    reason: str
    record: str

    def in_force(self, now: datetime) -> bool:
        return now < self.until

    @property
    def description(self) -> str:
        return f"waived until {show_until(self.until)} by {self.operator}"


def waiver_key(vulnerability: str, package: str | None) -> str:
    return f"{vulnerability} in {package}" if package else vulnerability


def waiver_words(key: str) -> str:
    """The words of a command that name the waiver of `key`."""
    vulnerability, _, package = key.partition(" in ")
    return f"{vulnerability} --package {shlex.quote(package)}" if package else vulnerability


def waive_command(key: str, environment: str) -> str:
    """The command that waives `key`; a person has to write the end and the reason."""
    return f"floe platform waive {waiver_words(key)} --env {environment} --until … --reason …"


def waivers_after(
    waivers: tuple[Waiver, ...], at: datetime, key: str, new: Waiver | None = None
) -> tuple[Waiver, ...]:
    """The waivers after the one of `key` was replaced by `new`, without those that expired."""
    others = (each for each in waivers if each.key != key and each.in_force(at))
    return (*others, *([new] if new else ()))


def shortened_reason(reason: str) -> str:
    return reason if len(reason) <= _REASON_KEPT else f"{reason[: _REASON_KEPT - 1]}…"


def show_until(until: datetime) -> str:
    """The day for a waiver that lasts until the end of a day in UTC, otherwise the time."""
    if (until.hour, until.minute, until.second) == (23, 59, 59):
        return f"{until:%Y-%m-%d}"
    return iso_time(until.replace(microsecond=0))


def is_purl(package: str) -> bool:
    return package.lower().startswith("pkg:")
