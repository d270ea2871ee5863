"""Asks witnesses for cosignatures (https://c2sp.org/tlog-witness)."""

import ssl

import httpx

from engine.domain.errors import WitnessContradictionError, WitnessUnavailableError
from engine.domain.text import printable
from engine.domain.tlog.merkle import Proof
from engine.domain.tlog.note import (
    NoteKey,
    NoteSignature,
    SignedNote,
    VerifySignature,
    encode_base64,
)
from engine.runtime.bounded_http import exchange, open_client

_SECONDS = 5.0
_MAX_BYTES = 16 * 1024
_REASONS = {
    403: "it does not know the key of the log: give it the log's verifier key "
    "(floe platform audit checkpoint prints it)",
    404: "it does not know the log: add the log and its verifier key there",
}


class HttpWitness:
    """Implements `engine.ports.checkpoints.Witness` for the witness at `url`."""

    def __init__(self, url: str, key: NoteKey, tls: ssl.SSLContext, check: VerifySignature) -> None:
        self._url = f"{url.rstrip('/')}/add-checkpoint"
        self._key = key
        self._check = check
        self._tls = tls

    @property
    def key(self) -> NoteKey:
        return self._key

    def cosign(self, old: int, proof: Proof, note: SignedNote) -> NoteSignature | int:
        lines = "".join(f"{encode_base64(each)}\n" for each in proof)
        response = self._post(f"old {old}\n{lines}\n{note}".encode())
        body = response.text
        if response.status_code == httpx.codes.OK:
            return self._signature(note, body)
        if response.status_code == httpx.codes.CONFLICT:
            size = body.removesuffix("\n")
            if size.isascii() and size.isdigit() and len(size) < 19 and int(size) != old:
                return int(size)
        if response.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            raise WitnessContradictionError(
                f"The witness {self._key.name} did not sign: the ledger contradicts the history "
                "that it has seen, so entries were removed or rewritten. "
                "Run: floe platform audit verify --full",
                {"witness": self._key.name},
            )
        raise self._error(
            _REASONS.get(response.status_code)
            or f"it answered {response.status_code}: {printable(body)[:200]}"
        )

    def _post(self, body: bytes) -> httpx.Response:
        with open_client(verify=self._tls, timeout=_SECONDS) as client:
            try:
                return exchange(
                    client,
                    client.build_request("POST", self._url, content=body),
                    _SECONDS,
                    _MAX_BYTES,
                )
            except (httpx.TransportError, httpx.InvalidURL) as error:
                raise self._error(printable(str(error))[:200] or type(error).__name__) from error

    def _signature(self, note: SignedNote, lines: str) -> NoteSignature:
        try:
            signed = SignedNote.parse(f"{note.text}\n{lines}".encode())
            return signed.signed_by([self._key], self._check)[self._key]
        except (ValueError, KeyError) as error:
            raise self._error("its answer has no valid signature by its key") from error

    def _error(self, reason: str) -> WitnessUnavailableError:
        return WitnessUnavailableError(
            f"The witness {self._key.name} did not sign: {reason}", {"witness": self._key.name}
        )
