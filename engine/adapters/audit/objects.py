"""The s3 audit backend: one write-once object per record, in any object store (FR-025b)."""

import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from html import unescape
from itertools import islice
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, UnknownConfigurationKeyError
from obstore.store import LocalStore, ObjectStore, from_url
from pydantic import ValidationError

from engine.adapters.audit.naming import is_record_name, object_name, timestamp
from engine.adapters.audit.object_options import client_options, store_options, unknown_option
from engine.domain.errors import AuditUnavailableError, ConfigError
from engine.domain.record import AnyRecord, record_from_bytes
from engine.domain.text import mask_secrets, printable
from engine.ports.audit_backend import AuditBackendPlugin, AuditSettings

if TYPE_CHECKING:
    from obstore import SignCapableStore

_MAX_ERROR = 64 * 1024
# The error body of S3 and compatible stores.
_REASON = re.compile(r"<Code>([^<]{1,100})</Code>(?:[^<]*<Message>([^<]{1,300})</Message>)?")
_MAX_RECORD = 16 * 1024 * 1024
_READERS = 8
_SIGNED = timedelta(minutes=1)
_PORTION = 100
# Stores list only forwards, so the newest records are searched in growing steps back in time.
_FIRST_STEP = timedelta(hours=1)
_WIDER = 6
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


def open_objects(settings: AuditSettings) -> AuditBackendPlugin:
    """The backend for `settings.url`; `options` add to the variables of the store (AWS_…)."""
    url = settings.url or ""
    if settings.product:
        # No environment has such a name, so that listing one never lists a product.
        url = f"{url.rstrip('/')}/_products/{settings.product}"
    parts = urlsplit(url)
    reference = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    if parts.scheme == "file":
        if parts.netloc or settings.options:
            raise ConfigError(
                "artifacts.promotion.audit.url: a directory must be file:///DIRECTORY, without "
                "options"
            )
        return ObjectAudit(partial(from_url, url, mkdir=True), reference)
    try:
        store: ObjectStore = from_url(
            url,
            config=store_options(parts.scheme, settings.options),
            client_options=client_options(settings.options),
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=15)},
        )
    except UnknownConfigurationKeyError as error:
        raise unknown_option(parts.scheme, error) from error
    except (BaseError, ValueError, TypeError, OSError) as error:
        raise ConfigError(
            f"artifacts.promotion.audit: {reference} cannot be used ({_short(error)}). Check "
            "url and options"
        ) from error
    return ObjectAudit(lambda: store, reference)


class ObjectAudit(AuditBackendPlugin):
    """
    Records under `<environment>/` of a store; `reference` is its name in messages.

    `open_store` is called on first use: a directory may not exist before that.
    """

    def __init__(self, open_store: Callable[[], ObjectStore], reference: str) -> None:
        self._open_store = open_store
        self._reference = reference

    @cached_property
    def _store(self) -> ObjectStore:
        return self._open_store()

    def append(self, record: AnyRecord) -> None:
        name, content = object_name(record), record.to_bytes()
        with self._translated("write", name):
            try:
                obstore.put(self._store, name, content, mode="create", use_multipart=False)
            except AlreadyExistsError as error:
                # It may be our own: the response was lost, or an earlier attempt wrote it.
                if self._content(name) != content:
                    raise AuditUnavailableError(
                        f"audit store {self._reference} already has {name} with other "
                        "content, and records are never overwritten: find out who wrote it"
                    ) from error

    def query_history(self, environment: str, limit: int) -> list[AnyRecord]:
        names = self._newest(environment, limit)
        with ThreadPoolExecutor(_READERS, thread_name_prefix="audit") as pool:
            return list(pool.map(self._record, names))

    def records(self, environment: str) -> Iterator[AnyRecord]:
        """Read the records in the order in which the store lists them."""
        names = self._list(environment)
        with ThreadPoolExecutor(_READERS, thread_name_prefix="audit") as pool:
            while portion := list(islice(names, _PORTION)):
                yield from pool.map(self._record, portion)

    def sign_newest(self, environments: Iterable[str]) -> tuple[str, str] | None:
        """The name of a newest record with a URL for its HEAD; None without records."""
        for environment in environments:
            for name in self._newest(environment, 1):
                with self._translated("sign a URL for", name):
                    store = cast("SignCapableStore", self._store)
                    return name, obstore.sign(store, "HEAD", name, _SIGNED)
        return None

    def _list(self, environment: str) -> Iterator[str]:
        with self._translated("list", environment):
            yield from self._between(environment, f"{environment}/", None)

    def _newest(self, environment: str, limit: int) -> list[str]:
        found: list[str] = []
        end: str | None = None
        with self._translated("list", environment):
            for start in self._starts():
                offset = f"{environment}/{start}"
                found += sorted(self._between(environment, offset, end), reverse=True)
                if len(found) >= limit:
                    break
                end = offset
        return found[:limit]

    def _starts(self) -> Iterator[str]:
        """Start times of the ranges to list, newest first."""
        step, now = _FIRST_STEP, datetime.now(UTC)
        # A directory is always listed as a whole.
        while not isinstance(self._store, LocalStore) and now - step > _BEGINNING:
            yield timestamp(now - step)
            step *= _WIDER
        yield ""

    def _between(self, environment: str, start: str, end: str | None) -> Iterator[str]:
        """Names after `start`, up to `end` unless it is None (a clock may be ahead of ours)."""
        listing = obstore.list(self._store, environment, offset=start, chunk_size=1000)
        for chunk in listing:
            for found in chunk:
                path = found["path"]
                # Stores list in order, directories do not.
                if end is not None and path > end:
                    continue
                if is_record_name(path):
                    yield path
            if end is not None and chunk and chunk[-1]["path"] > end:
                return

    def _record(self, name: str) -> AnyRecord:
        with self._translated("read", name):
            content = self._content(name)
        try:
            record = record_from_bytes(content)
        except ValidationError as error:
            raise self._altered(name) from error
        if object_name(record) != name or record.to_bytes() != content:
            raise self._altered(name)
        return record

    def _content(self, name: str) -> bytes:
        answer = obstore.get(self._store, name)
        if answer.meta["size"] > _MAX_RECORD:
            raise self._altered(name)
        return bytes(answer.bytes())

    def _altered(self, name: str) -> AuditUnavailableError:
        return AuditUnavailableError(
            f"audit store {self._reference} has a wrong record in {name}: it was altered, or "
            "written by a newer version of floe; find out who wrote it"
        )

    @contextmanager
    def _translated(self, action: str, name: str) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            raise AuditUnavailableError(
                f"audit store {self._reference} could not {action} {name} ({_short(error)}). "
                "Check the store and run the command again"
            ) from error


def _short(error: Exception) -> str:
    """The reason that the store gives, else the first line of `error`; secrets are masked."""
    text = str(error)[:_MAX_ERROR]
    found = _REASON.search(text)
    if found:
        reason = unescape(": ".join(filter(None, found.groups())))
    else:
        reason = (text.strip().splitlines() or [type(error).__name__])[0]
    return printable(mask_secrets(reason))[:400]
