"""The result of verifying the signatures of an artifact."""

from dataclasses import dataclass, field
from typing import Literal

from engine.domain.text import printable

UNSIGNED = "Artifact is unsigned"
_SHOWN = 5
_LENGTH = 300


@dataclass(frozen=True, slots=True)
class ExaminedSignature:
    """
    One signature that was examined.

    `place` says where it was found, `refused` why it is not accepted (None if it is). Both are
    texts for people: one line, at most 300 characters.
    """

    place: str
    refused: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "place", _line(self.place))
        if self.refused is not None:
            object.__setattr__(self, "refused", _line(self.refused))


@dataclass(frozen=True, slots=True)
class SignatureVerdict:
    """
    The verdict about the signatures of an artifact; verified when `problem` is None.

    With `mode` "key" a public key verified it, and `fingerprint` is `sha256:` of its DER form. With
    "keyless" a certificate did, and its OIDC `issuer` and `subject` are the signer. With "none"
    the signer is unknown. `examined` lists the signatures in order, up to the first good one.
    """

    mode: Literal["none", "key", "keyless"] = "none"
    issuer: str | None = None
    subject: str | None = None
    fingerprint: str | None = None
    problem: str | None = UNSIGNED
    examined: tuple[ExaminedSignature, ...] = ()
    notes: tuple[str, ...] = field(default=())
    # Whether the verdict is cached from the same bytes under the same settings.
    cached: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        if (self.mode == "none") != (self.problem is not None):
            raise ValueError("a verdict has either a key or certificate, or a problem")

    @property
    def verified(self) -> bool:
        return self.problem is None

    @property
    def summary(self) -> str:
        """The verdict in one sentence, the same in every interface."""
        if self.problem is not None:
            return self.problem
        signer = self.subject if self.mode == "keyless" else self.fingerprint
        return f"Signature verified ({self.mode}, {printable(signer or '')})"

    @property
    def refusal(self) -> str:
        """The problem, worded for an environment that enforces signatures."""
        return (
            f"{UNSIGNED} and enforcement is enabled" if self.problem == UNSIGNED else self.summary
        )


def refused_verdict(examined: tuple[ExaminedSignature, ...]) -> SignatureVerdict:
    """Build the verdict for an artifact without a good signature, with the reasons."""
    refused = [each for each in examined if each.refused is not None]
    if not refused:
        return SignatureVerdict(examined=examined)
    reasons = [f"{each.place}: {each.refused}" for each in refused[:_SHOWN]]
    if len(refused) > _SHOWN:
        reasons.append(f"and {len(refused) - _SHOWN} more")
    problem = f"Signature verification failed: {'; '.join(reasons)}"
    return SignatureVerdict(problem=problem, examined=examined)


def _line(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= _LENGTH else f"{shown[: _LENGTH - 1]}…"
