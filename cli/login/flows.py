"""The two ways to sign in: in the browser of this machine, or in that of another one."""

import time

from cli.browser import has_browser, open_browser
from cli.login.loopback import Loopback
from cli.stdio import remark, show_passing
from engine.bootstrap.openid import verified_sign_in
from engine.domain.errors import AuthorizationError, IdentityUnavailableError
from engine.domain.text import printable
from engine.runtime.openid_client import (
    DeviceCode,
    Endpoints,
    OpenIdClient,
    PendingSignInError,
    Tokens,
)
from engine.runtime.sign_ins import SignIn

_LONGEST_SECONDS = 1800
# RFC 8628, section 3.5.
_SLOWER_SECONDS = 5


def sign_in(client: OpenIdClient, *, device: bool) -> SignIn:
    """Sign in with the provider of `client`, with a device code if there is no browser here."""
    places = client.discover()
    if device and not places.device:
        raise AuthorizationError(
            f"{client.issuer} has no sign-in for other devices: run floe login without --device"
        )
    if device or (places.device and not has_browser()):
        return verified_sign_in(client, _by_device(client, places), None)
    return _by_browser(client, places)


def _by_browser(client: OpenIdClient, places: Endpoints) -> SignIn:
    loopback = Loopback(device=bool(places.device))
    with loopback.serving():
        url, remembered = client.question(places, loopback.callback)
        loopback.expect(remembered["state"], client.issuer, named=places.names_issuer)
        remark(f"Sign in with {client.issuer} in the browser, or open this address:")
        remark(f"  {printable(url)}")
        if has_browser():
            open_browser(url)
        code = loopback.code()
    tokens = client.redeem(places, code, remembered["verifier"], loopback.callback)
    return verified_sign_in(client, tokens, remembered["nonce"])


def _by_device(client: OpenIdClient, places: Endpoints) -> Tokens:
    code = client.ask_device(places)
    remark(f"Open {printable(code.address)} in any browser, and enter the code {code.user_code}")
    if code.whole_address:
        remark(f"The code is already in this address: {printable(code.whole_address)}")
    return _poll(client, places, code)


def _poll(client: OpenIdClient, places: Endpoints, code: DeviceCode) -> Tokens:
    end = time.monotonic() + min(code.lasts, _LONGEST_SECONDS)
    pause = code.interval
    while (left := end - time.monotonic()) > pause:
        show_passing(f"… waiting for the sign-in, {round(left / 60)} min left")
        time.sleep(pause)
        try:
            return client.poll_device(places, code)
        except PendingSignInError as pending:
            pause += _SLOWER_SECONDS if pending.slower else 0
        except IdentityUnavailableError:
            pause += _SLOWER_SECONDS
    raise AuthorizationError(
        f"The code {code.user_code} expired before anyone entered it: run floe login again"
    )
