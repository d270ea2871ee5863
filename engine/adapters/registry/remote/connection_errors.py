"""Explains why a registry could not be reached, with a hint."""

import ssl
from collections.abc import Iterator
from socket import gaierror

import httpx

from engine.adapters.registry.remote.messages import Call, origin
from engine.domain.errors import RegistryUnavailableError
from engine.domain.text import printable


def unreachable(call: Call, error: httpx.TransportError) -> RegistryUnavailableError:
    """The error to raise for `error` of `call`."""
    host = call.host
    if isinstance(error, httpx.TimeoutException):
        return RegistryUnavailableError(
            f"registry {host} did not answer {call.request} in time: check the network, "
            "or raise artifacts.registry.timeout_seconds"
        )
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return RegistryUnavailableError(
                f"registry {host} has a certificate that is not trusted ({cause.verify_message}): "
                "set its certificate authority in artifacts.registry.tls.ca_file"
            )
        if isinstance(cause, ssl.SSLError) and isinstance(error, httpx.ConnectError):
            return RegistryUnavailableError(
                f"registry {host} does not speak TLS as expected ({cause.reason}): check the "
                "port in artifacts.registry.uri; plain http needs insecure: true"
            )
    return RegistryUnavailableError(
        f"registry {host} cannot be reached ({printable(str(error))[:200]}): "
        "check artifacts.registry.uri and the network"
    )


def is_transient(error: httpx.TransportError) -> bool:
    """Whether a retry may help; not for errors of names, certificates and protocols."""
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return False
    if not isinstance(error, httpx.ConnectError):
        return True
    return not any(isinstance(cause, gaierror | ssl.SSLError) for cause in _causes(error))


def never_connected(error: BaseException, root: str) -> bool:
    """Whether the connection to `root` itself failed, so that all other requests fail too."""
    causes = (c for c in _causes(error) if isinstance(c, httpx.ConnectError | httpx.ConnectTimeout))
    return any(origin(str(cause.request.url)) == origin(root) for cause in causes)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
