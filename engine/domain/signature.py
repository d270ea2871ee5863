"""What became of looking for a good signature of an artifact."""

from dataclasses import dataclass, field
from typing import Literal

from engine.domain.text import printable

UNSIGNED = "Artifact is unsigned"
_SHOWN = 5
_LENGTH = 300


@dataclass(frozen=True, slots=True)
class ExaminedSignature:
    """
    One signature that was looked at: `place` says where it was found, `refused` why it does not
    count (None for the one that does). Both are for people: one line, at most 300 characters.
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
    Verified when `problem` is None: by a public key (`fingerprint` is `sha256:` of its DER) or by
    a certificate, whose OIDC `issuer` and `subject` are then the signer. Otherwise `mode` is
    "none" and nothing is said about a signer, since nothing is known. `examined` is in the order
    of looking, which ends with the first good signature.
    """

    mode: Literal["none", "key", "keyless"] = "none"
    issuer: str | None = None
    subject: str | None = None
    fingerprint: str | None = None
    problem: str | None = UNSIGNED
    examined: tuple[ExaminedSignature, ...] = ()
    notes: tuple[str, ...] = field(default=())
    # Whether it was remembered from an earlier look at the same bytes under the same settings.
    cached: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        if (self.mode == "none") != (self.problem is not None):
            raise ValueError("a verdict is verified by a key or certificate, or has a problem")

    @property
    def verified(self) -> bool:
        return self.problem is None

    @property
    def summary(self) -> str:
        """The verdict as every face words it."""
        if self.problem is not None:
            return self.problem
        signer = self.subject if self.mode == "keyless" else self.fingerprint
        return f"Signature verified ({self.mode}, {printable(signer or '')})"

    @property
    def refusal(self) -> str:
        """The problem, as a place that enforces signatures words it."""
        return (
            f"{UNSIGNED} and enforcement is enabled" if self.problem == UNSIGNED else self.summary
        )


def refusal(examined: tuple[ExaminedSignature, ...]) -> SignatureVerdict:
    """The verdict where nothing that was found is a good signature."""
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
