"""A fresh token of `floe login` for a command, and the issuers with which people can sign in."""

import os
import time
from collections.abc import Iterable
from importlib import import_module

from engine.config.issuers import OidcIssuer
from engine.config.people import Web
from engine.config.tenants import shared_issuer
from engine.domain.errors import AuthorizationError, IdentityUnavailableError, PromotionError
from engine.runtime.sign_ins import SignIn, SignIns, of_issuer

# A command may take some time before it sends its token.
_SPARE_SECONDS = 60


def issuers_of_people(issuers: Iterable[OidcIssuer], web: Web) -> tuple[OidcIssuer, ...]:
    """
    The entries of `identity.oidc` with which people can sign in on the command line: those of the
    provider of the page, or else all that do not serve CI jobs alone.
    """
    of_page = getattr(web.auth, "issuer", None)
    people = [each for each in issuers if not _serves_only_jobs(each.issuer)]
    return tuple(each for each in people if each.issuer == of_page) or tuple(people)


def server_token(address: str) -> str:
    """The token of the sign-in for the server at `address`; empty without one."""
    return _token_for(SignIns(os.environ), address, f"floe login --server {address}")


def local_token(issuers: Iterable[OidcIssuer]) -> str:
    """The token of the sign-in with one of `issuers` for local commands; empty without one."""
    sign_ins = SignIns(os.environ)
    refused: PromotionError | None = None
    for each in issuers:
        try:
            if token := _token_for(sign_ins, of_issuer(each.issuer, each.audience), "floe login"):
                return token
        except (AuthorizationError, IdentityUnavailableError) as error:
            # The sign-in with another provider may still be good.
            refused = refused or error
    if refused:
        raise refused
    return ""


def _token_for(sign_ins: SignIns, place: str, command: str) -> str:
    found = sign_ins.find(place)
    if found is None or _lasts(found):
        return found.id_token if found else ""
    with sign_ins.lock():
        # Another command may have renewed it since.
        found = sign_ins.find(place)
        if found is None or _lasts(found):
            return found.id_token if found else ""
        try:
            # Few commands renew a token, and the client of a provider is slow to import.
            renewed: SignIn = import_module("engine.bootstrap.openid").renewed(found)
        except AuthorizationError as error:
            raise AuthorizationError(
                f"Your sign-in for {place.partition(' ')[0]} expired: run {command}"
            ) from error
        except IdentityUnavailableError:
            if _lasts(found, 0):
                return found.id_token
            raise
        sign_ins.keep(place, renewed)
        return renewed.id_token


def _lasts(sign_in: SignIn, seconds: int = _SPARE_SECONDS) -> bool:
    return sign_in.expires_at - time.time() > seconds


def _serves_only_jobs(issuer: str) -> bool:
    shared = shared_issuer(issuer)
    return shared is not None and not shared.domains
