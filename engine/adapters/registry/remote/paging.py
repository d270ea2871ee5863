"""Reads paginated lists (distribution-spec 1.1, the `Link` header of RFC 8288)."""

from collections.abc import Iterator
from dataclasses import replace

import httpx

from engine.adapters.registry.remote.errors import expect
from engine.adapters.registry.remote.messages import Answer, Call, Deadline
from engine.adapters.registry.remote.session import Session
from engine.domain.errors import RegistryAnswerError

_MAX_PAGES = 2000


def pages(session: Session, first: Call, deadline: Deadline) -> Iterator[Answer]:
    """
    Yield the answer to `first` with any status, and the following pages, which all have 200.

    RegistryAnswerError if the pages loop, lead to another host, or are too many.
    """
    answer = session.send(first, deadline)
    yield answer
    visited = {first.url}
    while answer.status == httpx.codes.OK and answer.next_page is not None:
        call = replace(first, url=answer.next_page)
        if call.origin != first.origin or call.url in visited or len(visited) >= _MAX_PAGES:
            raise RegistryAnswerError(
                f"registry {first.host} answers {first.request} with pages that "
                f"{_fault(call, first, visited)}: the list may be incomplete"
            )
        visited.add(call.url)
        answer = expect(session.send(call, deadline), httpx.codes.OK)
        yield answer


def _fault(call: Call, first: Call, visited: set[str]) -> str:
    if call.origin != first.origin:
        return f"continue at another host ({call.host})"
    return "form a loop" if call.url in visited else f"are more than {_MAX_PAGES}"
