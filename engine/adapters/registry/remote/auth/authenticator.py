"""Authenticates to one registry, on request, by password or by token."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from engine.adapters.registry.remote.auth.challenge import (
    Challenge,
    merge_scopes,
    parse_challenges,
)
from engine.adapters.registry.remote.auth.credentials import (
    BearerToken,
    Credential,
    Password,
)
from engine.adapters.registry.remote.auth.token_service import TokenService, basic
from engine.adapters.registry.remote.errors import refusal, summary, unauthorized
from engine.adapters.registry.remote.messages import Answer, Deadline
from engine.domain.errors import (
    RegistryAccessError,
    RegistryAnswerError,
    RegistryError,
    RegistryUnavailableError,
)
from engine.domain.text import printable


@dataclass(frozen=True, slots=True, eq=False)
class Authorization:
    """
    An `Authorization` header, and its user; None for tokens without a user name.

    A token has the `challenge` and `scopes` that it was issued for.
    """

    header: str = field(repr=False)
    user: str | None = None
    challenge: Challenge | None = None
    scopes: tuple[str, ...] = ()
    usable_until: float = math.inf


class Authenticator:
    """Keeps the accepted authorization, for all threads that use the registry."""

    def __init__(
        self, host: str, source: Callable[[], Credential | None], tokens: TokenService
    ) -> None:
        self._host = host
        self._source = source
        self._tokens = tokens
        self._lock = threading.Lock()
        self._current: Authorization | None = None
        self._credential: Credential | None = None
        self._looked_up = False
        self._accepted_user: str | None = None
        self._challenge: Challenge | None = None

    @property
    def accepted_user(self) -> str | None:
        """The user whose password was requested and accepted; None for tokens."""
        return self._accepted_user

    @property
    def accepted(self) -> tuple[Challenge, Password] | None:
        """The newest challenge, with the accepted user name and password."""
        credential = self._credential
        if self._challenge is None or not isinstance(credential, Password):
            return None
        return (self._challenge, credential) if credential.user == self._accepted_user else None

    def has_password(self, deadline: Deadline) -> bool:
        """Whether there is a user name and password; looked up at most once."""
        with self._exclusive(deadline):
            if not self._looked_up:
                self._credential = self._source()
                self._looked_up = True
            return isinstance(self._credential, Password)

    def current(self, deadline: Deadline) -> Authorization | None:
        """The authorization accepted last, renewed if it has expired; None before the first."""
        current = self._current
        if current is None or time.monotonic() < current.usable_until:
            return current
        with self._exclusive(deadline):
            if self._current is current and current.challenge is not None:
                self._current = self._authenticate(
                    current.challenge, current.scopes, None, deadline
                )
            return self._current

    def renew(
        self, answer: Answer, scope: str, sent: Authorization | None, deadline: Deadline
    ) -> tuple[Authorization, bool]:
        """
        The authorization to send instead of `sent`, which got the 401 `answer`, and whether it is
        new: one that another thread got may have expired. `scope` is for challenges without one.
        """
        challenge = self._choose(answer)
        with self._exclusive(deadline):
            self._challenge = challenge
            current = self._current
            granted = current.scopes if current else ()
            wanted = merge_scopes(challenge.scopes or (scope,), granted)
            # Another thread may just have got the wanted authorization.
            is_new = current is None or current is sent or current.scopes not in ((), wanted)
            if current is None or is_new:
                current = self._authenticate(challenge, wanted, sent, deadline)
            self._current = current
            return current, is_new

    def accept(self, authorization: Authorization) -> None:
        """Remember that the registry accepted `authorization`."""
        if authorization.user is not None:
            self._accepted_user = authorization.user

    def rejection(self, answer: Answer, sent: Authorization) -> RegistryError:
        """The error if the registry refused a new authorization too."""
        if sent.challenge is not None and self._credential is not None:
            # The token service accepted the credential, so only access rights are missing.
            return refusal(answer)
        return unauthorized(self._host, self._credential, summary(answer))

    @contextmanager
    def _exclusive(self, deadline: Deadline) -> Iterator[None]:
        """Let one thread request a token; the others wait for it until `deadline`."""
        if not self._lock.acquire(timeout=max(deadline.remaining, 0)):
            raise RegistryUnavailableError(
                f"registry {self._host} issued no token in time: try again, "
                "or raise artifacts.registry.timeout_seconds"
            )
        try:
            yield
        finally:
            self._lock.release()

    def _choose(self, answer: Answer) -> Challenge:
        """Choose Bearer before Basic, which would send the password with every request."""
        challenges = parse_challenges(", ".join(answer.headers.get_list("WWW-Authenticate")))
        for scheme in ("bearer", "basic"):
            for challenge in challenges:
                if challenge.scheme == scheme:
                    return challenge
        offered = printable(", ".join(challenge.scheme for challenge in challenges))[:200]
        raise RegistryAnswerError(
            f"registry {self._host} answered 401 with unsupported authentication "
            f"({offered or 'none'}), not Basic or Bearer: check the proxy before it"
        )

    def _authenticate(
        self,
        challenge: Challenge,
        scopes: tuple[str, ...],
        sent: Authorization | None,
        deadline: Deadline,
    ) -> Authorization:
        """Use the known credential; if it is refused, look it up again: it may have expired."""
        if not self._looked_up:
            self._credential = self._source()
            self._looked_up = True
            return self._authorize(challenge, scopes, sent, deadline)
        try:
            return self._authorize(challenge, scopes, sent, deadline)
        except RegistryAccessError:
            known, self._credential = self._credential, self._source()
            if self._credential == known:
                raise
        return self._authorize(challenge, scopes, sent, deadline)

    def _authorize(
        self,
        challenge: Challenge,
        scopes: tuple[str, ...],
        sent: Authorization | None,
        deadline: Deadline,
    ) -> Authorization:
        credential = self._credential
        if isinstance(credential, BearerToken):
            authorization = Authorization(f"Bearer {credential.token}")
        elif challenge.scheme == "bearer":
            token = self._tokens.issue(challenge, scopes, credential, deadline)
            user = credential.user if isinstance(credential, Password) else None
            return Authorization(
                f"Bearer {token.value}", user, challenge, scopes, token.usable_until
            )
        elif isinstance(credential, Password):
            authorization = Authorization(basic(credential), credential.user)
        else:
            raise unauthorized(self._host, credential, "401")
        if sent is not None and sent.header == authorization.header:
            raise unauthorized(self._host, credential, "401")
        return authorization
