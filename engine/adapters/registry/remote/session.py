"""A conversation with one registry: authorized there, and followed elsewhere without secrets."""

from dataclasses import replace
from urllib.parse import urlsplit

import httpx

from engine.adapters.registry.remote.auth.authenticator import Authenticator, Authorization
from engine.adapters.registry.remote.auth.user_check import UserNames
from engine.adapters.registry.remote.errors import refused, words
from engine.adapters.registry.remote.messages import Answer, Call, Deadline, origin
from engine.adapters.registry.remote.transport import Transport
from engine.domain.errors import RegistryAnswerError, RegistryRefusalError
from engine.domain.identity import UserCheck

_READS = frozenset({"GET", "HEAD"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5


class Session:
    """Carries calls to `base` (`scheme://host[:port]`) and to where that registry sends us."""

    def __init__(
        self,
        transport: Transport,
        base: str,
        repository: str,
        authenticator: Authenticator,
        user_names: UserNames,
    ) -> None:
        self._transport = transport
        self._origin = origin(base)
        self._repository = repository
        self._authenticator = authenticator
        self._user_names = user_names

    @property
    def accepted_user(self) -> str | None:
        return self._authenticator.accepted_user

    def names_somebody(self, deadline: Deadline) -> bool:
        return self._authenticator.names_somebody(deadline)

    def check_user(self, deadline: Deadline) -> UserCheck | None:
        """Whether the registry tells the accepted user from others; None where nobody was."""
        accepted = self._authenticator.accepted
        return self._user_names.check(*accepted, deadline) if accepted else None

    def close(self) -> None:
        self._transport.close()

    def send(self, call: Call, deadline: Deadline) -> Answer:
        """The final answer to `call`: 401 answered where we can, reads redirected five times."""
        own, asked = True, _last_words(call.url)
        for _ in range(_MAX_REDIRECTS + 1):
            self._secure(call)
            # Who left the registry is not let in again by a redirect that leads back.
            own = own and call.origin == self._origin
            answer = self._authorized(call, deadline) if own else self._foreign(call, deadline)
            target = answer.location
            if call.method not in _READS or answer.status not in _REDIRECTS or target is None:
                if answer.status == httpx.codes.NOT_FOUND and _last_words(call.url) != asked:
                    # A page that is not there says nothing of a ledger that may be.
                    raise refused(answer)
                return answer
            call = replace(call, url=target)
        raise RegistryRefusalError(
            f"registry {call.host} redirects more than {_MAX_REDIRECTS} times: "
            "check the proxy before it"
        )

    def _authorized(self, call: Call, deadline: Deadline) -> Answer:
        """
        To the registry itself. A 401 is answered with a new proof once, so that nothing can go
        round; one that other threads share may have ended before it was used.
        """
        sent = self._authenticator.present(deadline)
        answer = self._transport.send(_signed(call, sent), deadline)
        proven = False
        while answer.status == httpx.codes.UNAUTHORIZED:
            if sent is not None and proven:
                raise self._authenticator.rejection(answer, sent)
            sent, proven = self._authenticator.answer(answer, self._scope(call), sent, deadline)
            answer = self._transport.send(_signed(call, sent), deadline)
        if sent is not None and answer.status < httpx.codes.BAD_REQUEST:
            self._authenticator.accept(sent)
        return answer

    def _foreign(self, call: Call, deadline: Deadline) -> Answer:
        """To a storage host: what it lacks is not absent in the registry, so 404 is an error."""
        answer = self._transport.send(call, deadline)
        if answer.status >= httpx.codes.BAD_REQUEST and call.method in _READS:
            raise RegistryRefusalError(
                f"{call.host}, where the registry keeps its content, did not accept {call.doing} "
                f"({words(answer)}): check the storage of the registry"
            )
        return answer

    def _secure(self, call: Call) -> None:
        if self._origin[0] == "https" and call.origin[0] != "https":
            raise RegistryAnswerError(
                f"registry {self._origin[1]} sends us from https to plain http ({call.host}): "
                "have the proxy before it pass on X-Forwarded-Proto"
            )

    def _scope(self, call: Call) -> str:
        actions = "pull" if call.method in _READS else "pull,push"
        return f"repository:{self._repository}:{actions}"


def _last_words(url: str) -> list[str]:
    """What is asked for, wherever it is: `manifests`, and the reference."""
    return urlsplit(url).path.split("/")[-2:]


def _signed(call: Call, authorization: Authorization | None) -> Call:
    if authorization is None:
        return call
    return replace(call, headers={**call.headers, "Authorization": authorization.header})
