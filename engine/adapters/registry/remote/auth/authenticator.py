"""Who we are to one registry: nobody until it asks, then by password or by token."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from engine.adapters.registry.remote.auth.challenge import Challenge, parse_challenges, united
from engine.adapters.registry.remote.auth.credentials import (
    BearerToken,
    Credential,
    Password,
)
from engine.adapters.registry.remote.auth.token_service import TokenService, basic
from engine.adapters.registry.remote.errors import refused, unauthorized, words
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
    The header that is sent, and whom it speaks for: `user` is None for tokens that name nobody.

    A token's `challenge` and `scopes` are what it was issued for; a new one needs the same.
    """

    header: str = field(repr=False)
    user: str | None = None
    challenge: Challenge | None = None
    scopes: tuple[str, ...] = ()
    usable_until: float = math.inf


class Authenticator:
    """Holds what got us in, for every thread that talks to the registry."""

    def __init__(
        self, host: str, source: Callable[[], Credential | None], tokens: TokenService
    ) -> None:
        self._host = host
        self._source = source
        self._tokens = tokens
        self._turn = threading.Lock()
        self._current: Authorization | None = None
        self._credential: Credential | None = None
        self._looked_up = False
        self._accepted_user: str | None = None
        self._challenge: Challenge | None = None

    @property
    def accepted_user(self) -> str | None:
        """The user whose password was asked for and accepted; a token alone names nobody."""
        return self._accepted_user

    @property
    def accepted(self) -> tuple[Challenge, Password] | None:
        """The newest challenge, and the user and password that were accepted."""
        credential = self._credential
        if self._challenge is None or not isinstance(credential, Password):
            return None
        return (self._challenge, credential) if credential.user == self._accepted_user else None

    def names_somebody(self, deadline: Deadline) -> bool:
        """Whether there is a password to show, and with it a name; found out at most once."""
        with self._exclusive(deadline):
            if not self._looked_up:
                self._credential = self._source()
                self._looked_up = True
            return isinstance(self._credential, Password)

    def present(self, deadline: Deadline) -> Authorization | None:
        """What to send before being asked: whatever was accepted last, renewed when it expires."""
        current = self._current
        if current is None or time.monotonic() < current.usable_until:
            return current
        with self._exclusive(deadline):
            if self._current is current and current.challenge is not None:
                self._current = self._prove(current.challenge, current.scopes, None, deadline)
            return self._current

    def answer(
        self, refusal: Answer, scope: str, sent: Authorization | None, deadline: Deadline
    ) -> tuple[Authorization, bool]:
        """
        What to send instead of `sent`, which got the 401 `refusal`; `scope` if it names none. And
        whether it was proven for this very refusal: what another thread got may be old by now.
        """
        challenge = self._chosen(refusal)
        with self._exclusive(deadline):
            self._challenge = challenge
            current = self._current
            held = current.scopes if current else ()
            wanted = united(challenge.scopes or (scope,), held)
            # Another thread may just have got what this one was refused for.
            proves = current is None or current is sent or current.scopes not in ((), wanted)
            if current is None or proves:
                current = self._prove(challenge, wanted, sent, deadline)
            self._current = current
            return current, proves

    def accept(self, authorization: Authorization) -> None:
        """The registry did what was asked with `authorization`."""
        if authorization.user is not None:
            self._accepted_user = authorization.user

    def rejection(self, answer: Answer, sent: Authorization) -> RegistryError:
        """The error when even a new `sent` is turned away."""
        if sent.challenge is not None and self._credential is not None:
            # The token service took the credential: what is missing is a right.
            return refused(answer)
        return unauthorized(self._host, self._credential, words(answer))

    @contextmanager
    def _exclusive(self, deadline: Deadline) -> Iterator[None]:
        """One thread asks for a token while the others wait for it, but not beyond `deadline`."""
        if not self._turn.acquire(timeout=max(deadline.remaining, 0)):
            raise RegistryUnavailableError(
                f"registry {self._host} issued no token in time: try again, "
                "or raise artifacts.registry.timeout_seconds"
            )
        try:
            yield
        finally:
            self._turn.release()

    def _chosen(self, refusal: Answer) -> Challenge:
        """Bearer before Basic: a registry that offers both wants the password seen less often."""
        challenges = parse_challenges(", ".join(refusal.headers.get_list("WWW-Authenticate")))
        for scheme in ("bearer", "basic"):
            for challenge in challenges:
                if challenge.scheme == scheme:
                    return challenge
        offered = printable(", ".join(challenge.scheme for challenge in challenges))[:200]
        raise RegistryAnswerError(
            f"registry {self._host} answered 401 and offers {offered or 'no way'} to log in, "
            "and only Basic and Bearer are known: check the proxy before it"
        )

    def _prove(
        self,
        challenge: Challenge,
        scopes: tuple[str, ...],
        sent: Authorization | None,
        deadline: Deadline,
    ) -> Authorization:
        """By the known credential; one that is refused is looked up again, for helpers' expire."""
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
            made = Authorization(f"Bearer {credential.token}")
        elif challenge.scheme == "bearer":
            token = self._tokens.issue(challenge, scopes, credential, deadline)
            user = credential.user if isinstance(credential, Password) else None
            return Authorization(
                f"Bearer {token.value}", user, challenge, scopes, token.usable_until
            )
        elif isinstance(credential, Password):
            made = Authorization(basic(credential), credential.user)
        else:
            raise unauthorized(self._host, credential, "401")
        if sent is not None and sent.header == made.header:
            raise unauthorized(self._host, credential, "401")
        return made
