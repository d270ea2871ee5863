"""The answers about keys that sign ledger entries."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Literal, Self

from pydantic import Field

from engine.domain.errors import PromotionError
from engine.responses.common import Error, Response, Success, TraceId
from engine.responses.freeze import FreezeInput, FreezeResponse, RotateResponse, freeze_failed


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


class RotationsResponse(Response):
    """The answer of `keys rotate`."""

    success: Success = Field(description="whether the keys of all these environments were rotated")
    environments: tuple[RotateResponse, ...] = Field(
        description="the rotations, up to the first that failed"
    )
    trace_id: TraceId
    error: Error

    @classmethod
    def gather(
        cls,
        typed: FreezeInput,
        environments: Iterable[str],
        rotate: Callable[[FreezeInput], FreezeResponse],
    ) -> Self:
        """Call `rotate` for each of `environments`, until one fails."""
        done: list[FreezeResponse] = []
        for name in environments:
            one = replace(typed, environment=name)
            try:
                done.append(rotate(one))
            except PromotionError as error:
                done.append(freeze_failed(one, error))
            if done[-1].error:
                break
        return cls.of(done, typed.trace_id)

    @classmethod
    def of(cls, rotations: Sequence[FreezeResponse], trace_id: str) -> Self:
        error = next((each.error for each in rotations if each.error), None)
        return cls.build(
            success=error is None, environments=tuple(rotations), trace_id=trace_id, error=error
        )
