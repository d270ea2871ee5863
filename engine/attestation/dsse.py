"""Envelopes around signed payloads (DSSE, https://github.com/secure-systems-lab/dsse)."""

from engine.attestation.refusal import Refused
from engine.attestation.wire import Base64, Closed

IN_TOTO = "application/vnd.in-toto+json"


class DsseSignature(Closed):
    sig: Base64
    keyid: str = ""


class Envelope(Closed):
    payload: Base64
    payload_type: str
    signatures: tuple[DsseSignature, ...]

    @property
    def signature(self) -> bytes:
        if len(self.signatures) != 1:
            raise Refused(f"its envelope has {len(self.signatures)} signatures instead of one")
        return self.signatures[0].sig

    @property
    def message(self) -> bytes:
        """The signed bytes."""
        return pre_authentication(self.payload_type, self.payload)


def pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """The signed bytes of a DSSE envelope."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
