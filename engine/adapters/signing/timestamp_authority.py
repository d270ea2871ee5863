"""Requests timestamps from an authority over HTTP (RFC 3161, section 3.4)."""

import ssl
from functools import cached_property
from urllib.parse import urlsplit

import httpx

from engine.attestation.refusal import Refused
from engine.attestation.timestamps import TimestampCertificates, request_timestamp
from engine.domain.errors import TimestampUnavailableError
from engine.domain.text import printable
from engine.runtime.bounded_http import exchange, open_client

_SECONDS = 5.0
# An answer has a few KiB. An entry with a larger one would not fit into a transparency log.
_MAX_BYTES = 16 * 1024
_MAX_REASON_CHARACTERS = 200
_HEADERS = {
    "Content-Type": "application/timestamp-query",
    "Accept": "application/timestamp-reply",
}


class HttpTimestampAuthority:
    """Implements `engine.ports.signer.TimestampAuthority` for the authority at `url`."""

    def __init__(
        self, url: str, certificates: TimestampCertificates, seconds: float = _SECONDS
    ) -> None:
        self._url = url
        self._certificates = certificates
        self._seconds = seconds

    def issue(self, signature: bytes) -> bytes:
        request = request_timestamp(signature)
        response = self._post(request.content)
        if response.status_code != httpx.codes.OK:
            text = printable(response.text)[:_MAX_REASON_CHARACTERS]
            raise self._error(f"it answered {response.status_code} {text}".rstrip())
        try:
            self._certificates.verify(response.content, signature, request.nonce)
        except Refused as error:
            raise self._error(str(error)) from error
        return response.content

    def _post(self, body: bytes) -> httpx.Response:
        with open_client(verify=self._tls, timeout=self._seconds) as client:
            try:
                request = client.build_request("POST", self._url, content=body, headers=_HEADERS)
                return exchange(client, request, self._seconds, _MAX_BYTES)
            except (httpx.TransportError, httpx.InvalidURL) as error:
                reason = printable(str(error))[:_MAX_REASON_CHARACTERS]
                raise self._error(reason or type(error).__name__) from error

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def _error(self, reason: str) -> TimestampUnavailableError:
        # Only the host, since the query of a URL may hold a token.
        host = urlsplit(self._url).netloc
        return TimestampUnavailableError(
            f"the timestamp authority {host} issued no valid timestamp: {reason}",
            {"authority": host},
        )
