"""The query parameters of the history page."""

import re
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engine.bootstrap.server import CachedRecord, Cursor, Records
from engine.domain.errors import UsageError
from engine.domain.parsing import parse_version
from engine.domain.path import PromotionPath
from engine.domain.selection import Selection, parse_digest_prefix, parse_search, parse_time
from engine.domain.text import printable
from web.concurrency_limit import limit_concurrency

NAMES = ("environment", "version", "operator", "kind", "digest", "since", "until", "search")
LARGEST_PAGE = 500
_CURSOR = re.compile(r"([0-9]{1,17})\.([a-z0-9-]{1,64})\.([0-9]{1,17})", re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Asked:
    """A history query. `given` holds the raw parameters, `after` the end of the previous page."""

    selection: Selection
    limit: int
    after: Cursor | None
    given: Mapping[str, str]


def asked(path: PromotionPath, given: Mapping[str, str], now: datetime, limit: int) -> Asked:
    """Parse the parameters, ignoring empty ones; UsageError for invalid ones."""
    said = {name: given[name].strip() for name in NAMES if given.get(name, "").strip()}
    name = said.get("environment")
    selection = Selection(
        environment=path.environment(name).name if name else None,
        version=parse_version(said["version"]) if "version" in said else None,
        digest=parse_digest_prefix(said["digest"]) if "digest" in said else None,
        operator=said.get("operator"),
        kind=said.get("kind"),
        since=parse_time(said["since"], now) if "since" in said else None,
        until=parse_time(said["until"], now) if "until" in said else None,
        search=parse_search(said["search"]) if "search" in said else None,
    )
    return Asked(selection, page_size(given, limit), _cursor(given.get("after", "")), said)


def read_page(records: Records, query: Asked) -> tuple[CachedRecord, ...]:
    """Read a page, and one record more if it is not the last; BusyError for many searches."""
    # A search reads all records.
    with limit_concurrency("reading") if query.selection.search else nullcontext():
        return records.store.page(query.selection, query.limit + 1, query.after)


def page_size(given: Mapping[str, str], default: int) -> int:
    text = given.get("limit")
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or int(text) > LARGEST_PAGE:
        raise UsageError(f"limit must be 1 to {LARGEST_PAGE}, got '{printable(text)}'")
    return int(text)


def cursor(last: CachedRecord) -> str:
    """Return the cursor of a page that ends with `last`, for `after`."""
    at = (last.record.at - _EPOCH) // timedelta(microseconds=1)
    return f"{at}.{last.environment}.{last.sequence}"


def _cursor(text: str) -> Cursor | None:
    if not text:
        return None
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise UsageError(f"'{printable(text)}' is not a history cursor: start without 'after'")
    at = _EPOCH + timedelta(microseconds=int(match[1]))
    return at, match[2], int(match[3])
