"""Parse the input of people and scripts about waivers."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from engine.domain.errors import UsageError
from engine.domain.operator import Operator
from engine.domain.path import PromotionPath
from engine.domain.purl import Purl
from engine.domain.request import UnwaiveRequest, WaiveRequest
from engine.domain.scan import ScanFinding
from engine.domain.text import printable, reason_text
from engine.domain.waiver import WaiverTerms, is_purl, waiver_key

_VULNERABILITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{2,127}", re.ASCII)
_MAX_PACKAGE = 256
_EMPTY_PART = re.compile(r"[@=](?=[?&#]|/*$)")
_END_OF_DAY = time(23, 59, 59)
_UNTIL = re.compile(
    r"(?P<at>[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:]{5,8}(?:Z|[+-][0-9]{2}:[0-9]{2})?)?)"
    r"(?:\[(?P<zone>[A-Za-z0-9_+/-]{1,64})\])?",
    re.ASCII,
)


def parse_waive_request(
    path: PromotionPath,
    target: str,
    operator: Operator,
    trace_id: str,
    vulnerability: str,
    package: str | None,
    until: str,
    reason: str,
) -> WaiveRequest:
    """Parse a waiver; UsageError (2) for an invalid environment, id, package, end or reason."""
    terms = WaiverTerms(
        vulnerability=_parse_vulnerability(vulnerability),
        package=_parse_package(package),
        until=parse_until(until),
    )
    name = path.environment(target).name
    return WaiveRequest(terms, name, operator, trace_id, reason_text(reason))


def parse_unwaive_request(
    path: PromotionPath,
    target: str,
    operator: Operator,
    trace_id: str,
    vulnerability: str,
    package: str | None,
    reason: str,
) -> UnwaiveRequest:
    """Parse the end of a waiver; UsageError (2) for an invalid environment, id or reason."""
    subject = _parse_vulnerability(vulnerability), _parse_package(package)
    name = path.environment(target).name
    return UnwaiveRequest(*subject, name, operator, trace_id, reason_text(reason))


def parse_until(text: str) -> datetime:
    """
    Parse `2026-12-24`, which lasts until the end of that day, or `2026-12-24T18:00`.

    Both are in UTC, unless an offset (`+01:00`) or a `[Europe/Berlin]` follows. UsageError for
    other text.
    """
    found = _UNTIL.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError("it has another form")
        at = datetime.fromisoformat(found["at"])
        if "T" not in found["at"]:
            at = datetime.combine(at, _END_OF_DAY)
        if found["zone"] and at.tzinfo:
            raise ValueError("it has an offset and a zone")
        zone = ZoneInfo(found["zone"]) if found["zone"] else UTC
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError, KeyError, OSError) as error:
        raise UsageError(
            f"'{printable(text)}' is not the end of a waiver: write 2026-12-24 (until the end of "
            "that day), 2026-12-24T18:00 (both UTC), 2026-12-24T18:00+01:00 or "
            "2026-12-24T18:00[Europe/Berlin]",
            {"until": text},
        ) from error


def narrowest_waiver(finding: ScanFinding) -> str | None:
    """The key of a waiver of `finding` in its package alone; None if its ids cannot be waived."""
    vulnerability = _first_parsed(_parse_vulnerability, finding.ids)
    package = _first_parsed(_parse_package, (finding.purl, finding.package))
    return waiver_key(vulnerability, package) if vulnerability else None


def _first_parsed(parse: Callable[[str], str | None], texts: Iterable[str | None]) -> str | None:
    for text in filter(None, texts):
        try:
            return parse(text)
        except UsageError:
            continue
    return None


def _parse_vulnerability(text: str) -> str:
    """Ids are compared without case, so each gets one spelling: GHSA has lower case behind it."""
    if not _VULNERABILITY.fullmatch(text):
        raise UsageError(
            f"'{printable(text)}' is not the ID of a vulnerability: write it as the scanner "
            "does, like CVE-2026-1 or GHSA-jfh8-c2jp-5v3q",
            {"vulnerability": text},
        )
    upper = text.upper()
    return f"GHSA-{upper[5:].lower()}" if upper.startswith("GHSA-") else upper


def _parse_package(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        package = _normalized_purl(text) if is_purl(text) else text
        if not 0 < len(package) <= _MAX_PACKAGE or not text.isprintable() or " " in text:
            raise ValueError("it is not one printable word")
    except ValueError as error:
        raise UsageError(
            f"'{printable(text)}' is not a package: write a package URL like "
            "pkg:deb/debian/openssl (every version) or pkg:npm/lodash@4.17.20, or the name that "
            f"the scanner reports, of at most {_MAX_PACKAGE} characters",
            {"package": text},
        ) from error
    return package


def _normalized_purl(text: str) -> str:
    # An unset variable of a shell is empty, and would widen the waiver.
    if _EMPTY_PART.search(text):
        raise UsageError(
            f"The package '{printable(text)}' has an empty version or qualifier: write it, or "
            "leave it out with its sign to waive the vulnerability in every version",
            {"package": text},
        )
    return str(Purl.parse(text))
