"""Ask a server for its sign-in, and for the identity of the caller."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager

from pydantic import ValidationError

from cli.remote.address import address_of, address_text, token_of
from cli.remote.client import Api, sign_in_needed
from cli.remote.responses import StrangeAnswerError, read
from engine.bootstrap.sign_in import server_token
from engine.domain.errors import AuthorizationError
from engine.responses.whoami import SignInResponse, WhoamiResponse


def address_of_server(text: str, setting: str = "FLOE_SERVER") -> str:
    """Write the address `text` in its one form; ConfigError if a token must not go there."""
    return address_text(address_of(text, setting))


def providers(server: str, trace_id: str) -> SignInResponse:
    """Read the providers of the server, without any token."""
    with _asking(server, None, trace_id) as api:
        return read(SignInResponse, api.get("sign-in"))


def whoami(server: str, token: str | None, trace_id: str) -> WhoamiResponse:
    """Read the operator that the server sees in `token`."""
    with _asking(server, token, trace_id) as api:
        found = read(WhoamiResponse, api.get("whoami"))
    if found.operator is None:
        raise AuthorizationError(sign_in_needed(server))
    return found.model_copy(update={"server": server})


def whoami_at(address: str, trace_id: str) -> WhoamiResponse:
    """Read the identity of the caller, by FLOE_ID_TOKEN or the sign-in for this server."""
    server = address_of_server(address)
    given = os.environ.get("FLOE_ID_TOKEN", "").strip()
    return whoami(server, token_of(given or server_token(server)), trace_id)


@contextmanager
def _asking(server: str, token: str | None, trace_id: str) -> Iterator[Api]:
    with closing(Api(address_of(server), token, trace_id)) as api:
        try:
            yield api
        except (StrangeAnswerError, ValidationError) as error:
            raise api.strange(str(error).partition("\n")[0]) from error
