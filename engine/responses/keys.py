"""The answer about a key that signs ledger entries."""

from typing import Literal

from pydantic import Field

from engine.responses.common import Error, Response, Success, TraceId


class KeyResponse(Response):
    """The answer of `keys generate` and `keys show`."""

    success: Success = Field(description="whether the key was made or read")
    kind: Literal["ecdsa", "ed25519"] = Field(description="ECDSA P-256, or Ed25519")
    key_id: str = Field(description="sha256 of the public key in DER")
    public_key: str = Field(description="public key in PEM, also for cosign's --key")
    cosign_hint: str = Field(description="the key ID as cosign writes it into bundles, in base64")
    verifier_key: str | None = Field(
        description="key in the form of C2SP's signed notes; null for ECDSA"
    )
    private_key_file: str | None = Field(description="the new private key; null for keys show")
    public_key_file: str | None = Field(description="the new public key; null for keys show")
    trace_id: TraceId
    error: Error
