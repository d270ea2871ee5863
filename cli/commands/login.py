"""The commands `floe login` and `floe logout`."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import click

from cli import options
from cli.login.flows import sign_in
from cli.output import Answer, deliver
from cli.remote.people import address_of_server, providers, whoami
from cli.render.common import failure
from cli.render.table import when
from cli.render.whoami import render
from engine.bootstrap.openid import openid_client
from engine.bootstrap.sign_in import issuers_of_people
from engine.bootstrap.whoami import local_whoami
from engine.config import ProductChoice
from engine.domain.errors import ConfigError, PromotionError, UsageError
from engine.domain.trace import trace_id
from engine.responses.common import ErrorInfo
from engine.responses.whoami import IssuerResponse, WhoamiResponse
from engine.runtime.sign_ins import SignIn, SignIns, of_issuer

_server = click.option(
    "--server",
    envvar="FLOE_SERVER",
    show_envvar=True,
    metavar="URL",
    help="The server. Without one: local commands.",
)
_SETTING = "--server (or FLOE_SERVER)"
_issuer = click.option(
    "--issuer", metavar="URL", help="The provider, where people can sign in with several."
)


@click.command()
@_server
@_issuer
@click.option(
    "--device",
    is_flag=True,
    help="Show a code to enter in the browser of another machine. Default where no browser is.",
)
@options.output
@options.manifest
def login(
    server: str | None, issuer: str | None, device: bool, output: str, manifest: ProductChoice
) -> None:
    """
    Sign in with the OpenID provider of a server, or of manifest.yaml for local commands.

    Tokens are kept in the keyring (pip install 'floe[keyring]'), or else in a file that only you
    can read. FLOE_ID_TOKEN, if it is set, counts instead.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    ask = partial(_to_server, server) if server else partial(_locally, manifest)
    deliver(output, partial(ask, issuer, device, trace), partial(_failure, "Not signed in", trace))


@click.command()
@_server
@options.output
def logout(server: str | None, output: str) -> None:
    """
    Forget a sign-in, and end it at the provider if that is possible.

    With --server that for a server, else those for local commands.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    deliver(output, partial(_leave, server, trace), partial(_failure, "Not signed out", trace))


def _to_server(server: str, issuer: str | None, device: bool, trace: str) -> Answer:
    place = address_of_server(server, _SETTING)
    found = _chosen(providers(place, trace).issuers, issuer, place)
    signed_in = sign_in(openid_client(found.issuer, found.client_id), device=device)
    # A server that refuses the token leaves an earlier sign-in as it was.
    response = whoami(place, signed_in.id_token, trace)
    return _keep(place, signed_in, response)


def _locally(manifest: ProductChoice, issuer: str | None, device: bool, trace: str) -> Answer:
    config = manifest.load(os.environ)
    entries = issuers_of_people(config.identity.oidc, config.web)
    issuers = [IssuerResponse(issuer=each.issuer, client_id=each.audience) for each in entries]
    found = _chosen(issuers, issuer, str(manifest.file))
    signed_in = sign_in(openid_client(found.issuer, found.client_id), device=device)
    response = local_whoami(config, trace, signed_in.id_token)
    return _keep(of_issuer(found.issuer, found.client_id), signed_in, response)


def _chosen(issuers: Sequence[IssuerResponse], named: str | None, place: str) -> IssuerResponse:
    """The only provider to sign in with, or the `named` one."""
    known = list(dict.fromkeys(each.issuer for each in issuers))
    if not known:
        raise ConfigError(
            f"{place} has no provider to sign in with: add its issuer to identity.oidc in "
            "manifest.yaml, with the public client of the command line as audience"
        )
    if named is not None and named not in known:
        raise UsageError(f"{place} has no provider {named}: name one of {', '.join(known)}")
    if named is None and len(known) > 1:
        raise UsageError(
            f"{place} has several providers: name one with --issuer ({', '.join(known)})"
        )
    return next(each for each in issuers if each.issuer == (named or known[0]))


def _keep(place: str, signed_in: SignIn, response: WhoamiResponse) -> Answer:
    sign_ins = SignIns(os.environ)
    with sign_ins.lock():
        sign_ins.keep(place, signed_in)
    at = datetime.fromtimestamp(signed_in.expires_at, UTC)
    shown = render(response.model_copy(update={"expires_at": at}))
    renewed = "" if signed_in.refresh_token else "; the provider does not let floe renew it"
    lines = [f"Signed in, until {when(at)}{renewed}", *shown.lines]
    overruled = bool(os.environ.get("FLOE_ID_TOKEN", "").strip())
    warnings = ("FLOE_ID_TOKEN is set and counts instead: unset it",) if overruled else ()
    return Answer(shown.document, lines, warnings=warnings)


def _leave(server: str | None, trace: str) -> Answer:
    sign_ins = SignIns(os.environ)
    wanted = address_of_server(server, _SETTING) if server else None
    places = [each for each in sign_ins.places if _is_meant(each, wanted)]
    warnings: list[str] = []
    for place in places:
        with sign_ins.lock():
            try:
                _end(sign_ins.find(place))
            except PromotionError as error:
                warnings.append(f"{error}. This machine forgets the sign-in all the same")
            sign_ins.forget(place)
    names = [place.partition(" ")[0] for place in places]
    lines = [f"Signed out of {name}" for name in names]
    response = WhoamiResponse.build(success=True, server=wanted, trace_id=trace)
    return Answer(response, lines or ["You were not signed in"], warnings=tuple(warnings))


def _is_meant(place: str, server: str | None) -> bool:
    return " " in place if server is None else place == server


def _end(signed_in: SignIn | None) -> None:
    """End the sign-in at the provider, if it can."""
    if signed_in is None or not signed_in.refresh_token:
        return
    client = openid_client(signed_in.issuer, signed_in.client_id)
    places = client.discover()
    if places.revocation:
        client.revoke(places, signed_in.refresh_token)


def _failure(not_done: str, trace: str, error: PromotionError) -> Answer:
    response = WhoamiResponse.build(trace_id=trace, error=ErrorInfo.of(error))
    return failure(not_done, response, error, trace)
