"""Lists that come in pages (distribution-spec 1.1, the `Link` header of RFC 8288)."""

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
    The answer to `first`, whatever its status, and the pages after it, which all are 200.

    RegistryAnswerError when the pages go round, lead to another host, or never end.
    """
    answer = session.send(first, deadline)
    yield answer
    asked = {first.url}
    while answer.status == httpx.codes.OK and answer.next_page is not None:
        call = replace(first, url=answer.next_page)
        if call.origin != first.origin or call.url in asked or len(asked) >= _MAX_PAGES:
            raise RegistryAnswerError(
                f"registry {first.host} answers {first.doing} with pages that "
                f"{_fault(call, first, asked)}: this list cannot be trusted to be whole"
            )
        asked.add(call.url)
        answer = expect(session.send(call, deadline), httpx.codes.OK)
        yield answer


def _fault(call: Call, first: Call, asked: set[str]) -> str:
    if call.origin != first.origin:
        return f"go on at another host ({call.host})"
    return "go round in a circle" if call.url in asked else f"are more than {_MAX_PAGES}"
