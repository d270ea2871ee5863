"""Lists the tags of a repository (distribution-spec 1.1, "Listing Tags")."""

import logging
from collections.abc import Iterator

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from engine.adapters.registry.remote.errors import expect
from engine.adapters.registry.remote.messages import Answer, Call, Deadline
from engine.adapters.registry.remote.paging import pages
from engine.adapters.registry.remote.session import Session
from engine.domain.artifact import Tag
from engine.domain.errors import RegistryAnswerError
from engine.domain.text import printable

_log = logging.getLogger(__name__)
MAX_TAGS_BYTES = 8 * 1024 * 1024
# Registries may have a maximum (PAGINATION_NUMBER_INVALID); the last one is their default.
_PAGE_SIZES = ("?n=1000", "?n=100", "")
REFUSED_SIZES = frozenset({400, 416, 422})


class _TagList(BaseModel):
    model_config = ConfigDict(extra="ignore")

    tags: tuple[str, ...] | None = None


class TagList:
    """The tags of the repository at `url`; it remembers the page size that was accepted."""

    def __init__(self, session: Session, url: str) -> None:
        self._session = session
        self._url = f"{url}/tags/list"
        self._page_sizes: tuple[str, ...] = _PAGE_SIZES

    def read(self, deadline: Deadline) -> tuple[Tag, ...]:
        """Read every tag; none if the repository does not exist."""
        found: dict[Tag, None] = {}
        for page in self._pages(deadline):
            if page.status == httpx.codes.NOT_FOUND:
                return ()
            found |= dict.fromkeys(tags_of(expect(page, httpx.codes.OK)))
        return tuple(found)

    def _pages(self, deadline: Deadline) -> Iterator[Answer]:
        """Pages of the largest size that the registry accepts."""
        while True:
            size, *smaller = self._page_sizes
            call = Call("GET", self._url + size, limit=MAX_TAGS_BYTES)
            answers = pages(self._session, call, deadline)
            first = next(answers)
            if first.status not in REFUSED_SIZES or not smaller:
                break
            self._page_sizes = tuple(smaller)
        yield first
        yield from answers


def tags_of(page: Answer) -> tuple[Tag, ...]:
    """
    The tags of one page.

    Invalid names are left out with a warning: floe never writes them, and an error would let one
    foreign name block every rollback.
    """
    try:
        names = _TagList.model_validate_json(page.body).tags or ()
    except ValidationError as error:
        raise RegistryAnswerError(
            f"registry {page.call.host} did not answer {page.call.request} with a list of tags: "
            "check artifacts.registry.uri"
        ) from error
    tags = []
    for name in names:
        try:
            tags.append(Tag(name))
        except ValueError:
            _log.warning("invalid tag in %s ignored: '%s'", page.call.host, printable(name[:200]))
    return tuple(tags)
