"""Identify the visitor by the sign-in of web.auth or by a bearer token."""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from ipaddress import ip_address

from flask import g, request, session

from engine.config.issuers import OidcSignIn
from engine.config.people import NoSignIn, ProxySignIn
from engine.domain.errors import AuthorizationError, PromotionError
from engine.domain.identity import Claims
from engine.domain.operator import IdentitySource, Operator
from web.site import Shared, Site, missing_page, product_of_request, shared, the_site

SESSION_SECONDS = 8 * 3600
# No colon: a name must not look like a qualified ID (`slack:…`) that rules may name.
_NAME = re.compile(r"[^\s,;:\"<>\x00-\x1f\x7f]{1,254}")
BEARER = re.compile(r"bearer +(\S+)", re.IGNORECASE)


class UnauthenticatedError(AuthorizationError):
    """The request carries no valid credentials, and needs them."""

    reason_code = "unauthenticated"
    http_status = 401


def visitor() -> Operator | None:
    """Return the signed-in person, or None."""
    if "visitor" not in g:
        g.visitor = _visitor(shared())
    found: Operator | None = g.visitor
    return found


def caller() -> Operator:
    """Return the holder of the request's bearer token; UnauthenticatedError without one."""
    door, header = shared(), request.headers.get("Authorization", "")
    if not door.entrance.takes_tokens():
        raise UnauthenticatedError(
            "No token is accepted here: name its issuer under identity.oidc in manifest.yaml"
        )
    given = BEARER.fullmatch(header.strip())
    if not given:
        raise UnauthenticatedError(
            "Not authenticated: send an OIDC token from an issuer of identity.oidc as "
            "'Authorization: Bearer …'"
        )
    try:
        return door.entrance.bearer(given[1])
    except AuthorizationError as error:
        raise UnauthenticatedError(str(error)) from error


def may_look() -> bool:
    """Return whether the visitor may see pages: signed in, or no sign-in is configured."""
    return isinstance(shared().web.auth, NoSignIn) or visitor() is not None


def admit_reader() -> None:
    """
    Raise unless the caller may read the page. An invalid token is an error even where none is
    needed.
    """
    if "Authorization" in request.headers:
        g.caller = caller()
        must_read(g.caller)
    elif not may_look():
        _must_be_named()
        caller()


def _must_be_named() -> None:
    """Raise if the page is signed in by a proxy, which sent no name with this request."""
    door = shared()
    if isinstance(door.web.auth, ProxySignIn):
        bearer = ", or send an OIDC token as 'Authorization: Bearer …'"
        raise UnauthenticatedError(
            "Not authenticated: a proxy in front of this server signs people in, and it did not "
            "say who you are. Use the address of that proxy"
            f"{bearer if door.entrance.takes_tokens() else ''}"
        )


def must_read(operator: Operator) -> None:
    """Raise if reading needs a sign-in and no rule names the token's holder `operator`."""
    rules = (each.engine.rights for each in shared().products.values())
    if isinstance(shared().web.auth, NoSignIn) or any(each.knows(operator) for each in rules):
        return
    raise AuthorizationError(
        f"Unauthorized: '{operator.name}' may not read this: no rule of manifest.yaml names them. "
        "Have them added to a group under identity.groups"
    )


def visible_sites() -> Mapping[str, Site]:
    """Return the products that the caller may see."""
    return {name: site for name, site in shared().sites.items() if may_view(site)}


def visible_products() -> Callable[[str], bool]:
    """Return whether the caller may see the product of a name, also after the request."""
    server, person = shared(), _reader()

    def sees(name: str) -> bool:
        site = server.sites.get(name)
        return site is not None and _may_view(site, person)

    return sees


def visible_broken() -> Mapping[str, PromotionError]:
    """
    Return the broken products that the caller may see: with `web.visibility: members` those that
    they operate by the server file, because the rules of the products are unknown.
    """
    server, person = shared(), _reader()
    return {
        name: why
        for name, why in server.products.broken.items()
        if not (rights := server.rights(name)).members_only
        or (person is not None and rights.may_operate(person))
    }


def must_view() -> None:
    """Raise unless the caller may see the product of the request; see `web.visibility`."""
    server, name = shared(), product_of_request()
    site = server.sites.get(name)
    if may_view(site) if site else name in visible_broken():
        return
    if server.products.several:
        # The same answer as for names that do not exist: the names of products are not public.
        raise missing_page()
    raise AuthorizationError(
        "Unauthorized: web.visibility is members, and no rule of manifest.yaml names you"
    )


def may_view(site: Site) -> bool:
    """Return whether the caller may see the product of `site`; see `web.visibility`."""
    return _may_view(site, _reader())


def _may_view(site: Site, person: Operator | None) -> bool:
    rights = site.platform.engine.rights
    return not rights.members_only or (person is not None and rights.may_view(person))


def _reader() -> Operator | None:
    """Return the holder of a token, or the signed-in person."""
    found: Operator | None = g.get("caller") or visitor()
    return found


def may_operate(operator: Operator | None) -> bool:
    """Return whether `operator` may sync, redeliver webhooks, and run gates in a dry run."""
    return operator is not None and the_site().platform.engine.rights.may_operate(operator)


def may_promote(environment: str) -> bool:
    """Return whether the visitor may promote to `environment` and roll it back."""
    person = visitor()
    return person is not None and not the_site().platform.may_promote(person, environment).blocks


def must_operate(operator: Operator, action: str) -> None:
    """Raise unless `identity.operators` lists `operator`; the error names `action`."""
    if may_operate(operator):
        return
    raise AuthorizationError(
        f"Unauthorized: '{operator.name}' may not {action}: identity.operators in manifest.yaml "
        f"does not list them. Add to manifest.yaml: identity: {{operators: "
        f"[{json.dumps(operator.name, ensure_ascii=False)}]}}"
    )


def keep(claims: Claims, now: float) -> None:
    """Sign in with `claims`, and clear the session to prevent session fixation."""
    named = shared().groups
    session.clear()
    session["who"] = {
        "id": claims.id,
        "verified_names": list(claims.verified_names),
        # A cookie has 4 KB, and people may be in hundreds of groups that no rule names.
        "groups": sorted(claims.groups & named),
    }
    session["id"] = secrets.token_urlsafe(16)
    session["rules"] = _rules_digest(shared())
    session["since"] = int(now)


def sign_out() -> None:
    """
    End the session, also for copies of its cookie. StoreUnavailableError if only this browser
    forgets it.
    """
    session_id = session.get("id")
    session.clear()
    if isinstance(session_id, str):
        lasting = timedelta(seconds=SESSION_SECONDS)
        shared().ended_sessions.end(session_id, shared().now(), lasting)


def _visitor(site: Shared) -> Operator | None:
    match site.web.auth:
        case ProxySignIn() as proxy:
            return _by_proxy(site, proxy)
        case OidcSignIn():
            return _by_session(site)
        case _:
            return None


def _by_proxy(site: Shared, proxy: ProxySignIn) -> Operator | None:
    """Return the person that a trusted proxy names in its header."""
    peer = request.remote_addr
    if peer is None or not any(ip_address(peer) in network for network in proxy.trusted_proxies):
        return None
    name = request.headers.get(proxy.operator_header, "").strip()
    if not _NAME.fullmatch(name):
        return None
    listed = request.headers.get(proxy.groups_header, "") if proxy.groups_header else ""
    split = listed.split(proxy.groups_separator)
    groups = frozenset(filter(None, (group.strip() for group in split)))
    claims = Claims(f"proxy:{name}", IdentitySource.PROXY, True, (name,), groups)
    return site.entrance.recognized(claims)


def _by_session(site: Shared) -> Operator | None:
    who, since, session_id = session.get("who"), session.get("since"), session.get("id")
    if not isinstance(who, dict) or not isinstance(since, int) or not isinstance(session_id, str):
        return None
    if session.get("rules") != _rules_digest(site):
        return None
    age = site.now().timestamp() - since
    if not -60 <= age < SESSION_SECONDS or site.ended_sessions.has_ended(session_id):
        return None
    claims = Claims(
        id=who["id"],
        source=IdentitySource.OIDC,
        verified=True,
        verified_names=tuple(who["verified_names"]),
        groups=frozenset(who["groups"]),
    )
    return site.entrance.recognized(claims)


def _rules_digest(site: Shared) -> str:
    """Hash the sign-in rules: a session from before a rule change is invalid."""
    rules = site.web.auth.model_dump_json(exclude={"client_secret", "client_secret_env"})
    return hashlib.sha256(rules.encode()).hexdigest()
