"""
Checks whether a registry verifies user names: it must refuse a password with another user name.

Many registries check only the token and accept every user name with it (GitLab, Gitea, GHCR), so
that the user name proves nothing.
"""

import secrets

import httpx

from engine.adapters.registry.remote.auth.challenge import Challenge
from engine.adapters.registry.remote.auth.credentials import Password
from engine.adapters.registry.remote.auth.token_service import TokenService, basic
from engine.adapters.registry.remote.messages import Call, Deadline
from engine.adapters.registry.remote.transport import Transport
from engine.domain.errors import PromotionError
from engine.domain.identity import UserCheck

_REFUSED = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)


class UserNames:
    """Checks registry `host`, with its API at `base`, and its token service."""

    def __init__(self, transport: Transport, tokens: TokenService, host: str, base: str) -> None:
        self._transport = transport
        self._tokens = tokens
        self._host = host
        self._base = base

    def check(self, challenge: Challenge, shown: Password, deadline: Deadline) -> UserCheck:
        """
        Check that `shown` is accepted, and its password with a random user name is refused.

        Both requests to token services have no scope, as in `docker login`: with a scope, some
        services answer a wrong password with an anonymous token.
        """
        other = Password(f"floe-check-{secrets.token_hex(8)}", shown.password)
        try:
            status = self._ask(challenge, other, deadline)
            if status not in _REFUSED:
                return self._not_refused(shown.user, status)
            status = self._ask(challenge, shown, deadline)
        except PromotionError as error:
            return UserCheck(False, f"registry {self._host} could not be checked: {error}")
        if status != httpx.codes.OK:
            reason = f"registry {self._host} refused the user name or password ({status})"
            return UserCheck(False, reason)
        return UserCheck(True)

    def _ask(self, challenge: Challenge, credential: Password, deadline: Deadline) -> int:
        """The status of a request with `credential`."""
        if challenge.scheme == "bearer":
            return self._tokens.ask(challenge, (), credential, deadline).status
        headers = {"Authorization": basic(credential)}
        return self._transport.send(Call("GET", self._base, headers), deadline).status

    def _not_refused(self, user: str, status: int) -> UserCheck:
        if status == httpx.codes.OK:
            return UserCheck(
                False,
                f"registry {self._host} also accepts this password with another user name, so "
                f"the name '{user}' proves nothing",
            )
        return UserCheck(
            False,
            f"registry {self._host} answered {status} instead of 401 or 403 to this password "
            "with another user name",
        )
