"""The names of records in an object store: sorting them sorts the records by their time."""

import re
from datetime import UTC, datetime

from engine.domain.record import AnyRecord

_NAME = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{6}Z-[0-9a-f-]{36}\.json", re.ASCII)


def moment(at: datetime) -> str:
    """`at` in UTC to the microsecond, always equally long."""
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def object_name(record: AnyRecord) -> str:
    """`<environment>/<time>-<id>.json`: one record, one name, whoever writes it when."""
    return f"{record.ledger}/{moment(record.at)}-{record.id}.json"


def is_record_name(path: str) -> bool:
    """Whether the last part of `path` is a name as given here: others' objects are left alone."""
    return _NAME.fullmatch(path.rpartition("/")[2]) is not None
