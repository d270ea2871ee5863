"""Names of records in an object store; they sort by time."""

import re
from datetime import UTC, datetime

from engine.domain.record import AnyRecord

_NAME = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{6}Z-[0-9a-f-]{36}\.json", re.ASCII)


def timestamp(at: datetime) -> str:
    """`at` in UTC to the microsecond, with a fixed length."""
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def object_name(record: AnyRecord) -> str:
    """`<environment>/<time>-<id>.json`, derived from the record alone."""
    return f"{record.ledger}/{timestamp(record.at)}-{record.id}.json"


def is_record_name(path: str) -> bool:
    """Whether `path` ends in a name of a record; other objects are ignored."""
    return _NAME.fullmatch(path.rpartition("/")[2]) is not None
