"""Sends calls to one registry: with credentials there, without them after a redirect."""

from dataclasses import replace
from urllib.parse import urlsplit

import httpx

from engine.adapters.registry.remote.auth.authenticator import Authenticator, Authorization
from engine.adapters.registry.remote.auth.user_check import UserNames
from engine.adapters.registry.remote.errors import refusal, summary
from engine.adapters.registry.remote.messages import Answer, Call, Deadline, origin
from engine.adapters.registry.remote.transport import Transport
from engine.domain.errors import RegistryAnswerError, RegistryRefusalError
from engine.domain.identity import UserCheck

_READS = frozenset({"GET", "HEAD"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5


class Session:
    """Sends calls to `base` (`scheme://host[:port]`), and follows redirects of that registry."""

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

    def has_password(self, deadline: Deadline) -> bool:
        return self._authenticator.has_password(deadline)

    def check_user(self, deadline: Deadline) -> UserCheck | None:
        """Whether the registry verifies user names; None if it has accepted no user."""
        accepted = self._authenticator.accepted
        return self._user_names.check(*accepted, deadline) if accepted else None

    def close(self) -> None:
        self._transport.close()

    def send(self, call: Call, deadline: Deadline) -> Answer:
        """Send `call`, authenticate on 401, follow redirects of reads; return the final answer."""
        own, requested = True, _path_end(call.url)
        for _ in range(_MAX_REDIRECTS + 1):
            self._check_https(call)
            # After a redirect to another host, no redirect back gets credentials again.
            own = own and call.origin == self._origin
            answer = self._send_own(call, deadline) if own else self._send_foreign(call, deadline)
            target = answer.location
            if call.method not in _READS or answer.status not in _REDIRECTS or target is None:
                if answer.status == httpx.codes.NOT_FOUND and _path_end(call.url) != requested:
                    # A redirect to a missing page does not mean that the manifest is missing.
                    raise refusal(answer)
                return answer
            call = replace(call, url=target)
        raise RegistryRefusalError(
            f"registry {call.host} redirects more than {_MAX_REDIRECTS} times: "
            "check the proxy before it"
        )

    def _send_own(self, call: Call, deadline: Deadline) -> Answer:
        """
        Send to the registry itself. Each call gets at most one new authorization after a 401; one
        that another thread got does not count, since it may have expired before its use.
        """
        sent = self._authenticator.current(deadline)
        answer = self._transport.send(_authorize(call, sent), deadline)
        is_new = False
        while answer.status == httpx.codes.UNAUTHORIZED:
            if sent is not None and is_new:
                raise self._authenticator.rejection(answer, sent)
            sent, is_new = self._authenticator.renew(answer, self._scope(call), sent, deadline)
            answer = self._transport.send(_authorize(call, sent), deadline)
        if sent is not None and answer.status < httpx.codes.BAD_REQUEST:
            self._authenticator.accept(sent)
        return answer

    def _send_foreign(self, call: Call, deadline: Deadline) -> Answer:
        """Send to a storage host; its 404 is an error, since the registry has the content."""
        answer = self._transport.send(call, deadline)
        if answer.status >= httpx.codes.BAD_REQUEST and call.method in _READS:
            raise RegistryRefusalError(
                f"{call.host}, the storage of the registry, did not accept {call.request} "
                f"({summary(answer)}): check the storage of the registry"
            )
        return answer

    def _check_https(self, call: Call) -> None:
        if self._origin[0] == "https" and call.origin[0] != "https":
            raise RegistryAnswerError(
                f"registry {self._origin[1]} redirects from https to plain http ({call.host}): "
                "make the proxy before it pass on X-Forwarded-Proto"
            )

    def _scope(self, call: Call) -> str:
        actions = "pull" if call.method in _READS else "pull,push"
        return f"repository:{self._repository}:{actions}"


def _path_end(url: str) -> list[str]:
    """The last two parts of the path: `manifests` or `blobs`, and the reference."""
    return urlsplit(url).path.split("/")[-2:]


def _authorize(call: Call, authorization: Authorization | None) -> Call:
    if authorization is None:
        return call
    return replace(call, headers={**call.headers, "Authorization": authorization.header})
