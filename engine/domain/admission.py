"""Rules that admit some tokens of an issuer and refuse the rest."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from engine.domain.text import printable

ClaimValue = str | int | bool

_SEPARATORS = re.compile("[:/]")
_EVERYTHING_BELOW = "**"


@dataclass(frozen=True, slots=True)
class Admission:
    """
    What a token must say to be admitted; every rule that is given must hold.

    `subjects` are patterns for the claim `sub` (see `subject_matches`). `claims` maps a claim to
    the values it may have. `domains` are those of the verified e-mail address, in lower case.
    """

    subjects: tuple[str, ...] = ()
    claims: Mapping[str, tuple[ClaimValue, ...]] = field(default_factory=dict)
    domains: tuple[str, ...] = ()

    def refusal(self, payload: Mapping[str, object], email: str | None) -> str | None:
        """
        Why a verified token is not admitted, as the rest of a sentence; None if it is.

        `email` is the address that the issuer verified. The claim `email` is that one only.
        """
        subject = payload.get("sub")
        if self.subjects and not any(subject_matches(each, subject) for each in self.subjects):
            return (
                f"the subject {_shown(subject)} matches none of subjects {_shown(self.subjects)}; "
                f"to admit it, add {_shown(subject, limit=1000)} to subjects"
            )
        for name, values in self.claims.items():
            said = email if name == "email" else payload.get(name)
            if not _said_values(said) & {_as_text(value) for value in values}:
                found = "is missing" if said is None else f"is {_shown(said)}"
                return f"the claim {name} {found}, and claims admits only {_shown(values)}"
        if self.domains and (email or "").rpartition("@")[2].casefold() not in self.domains:
            found = f"the e-mail address is {email}" if email else "it has no verified e-mail"
            return f"{found}, and allowed_domains admits only {_shown(self.domains)}"
        return None


def subject_matches(pattern: str, subject: object) -> bool:
    """
    Whether `pattern` matches the whole of `subject`, which must be text.

    `:` and `/` divide both into parts. `*` stands for characters within one part, and `**` as the
    last part for everything below it.
    """
    if not isinstance(subject, str):
        return False
    if subject == pattern:
        return True
    # A name that a path would resolve to another place is never meant by a wildcard.
    if not {".", ".."}.isdisjoint(_SEPARATORS.split(subject)):
        return False
    return _expression(pattern).fullmatch(subject) is not None


def check_subject_pattern(pattern: str) -> str:
    """`pattern` unchanged; ValueError where `**` is anything but the last part."""
    *upper, last = _SEPARATORS.split(pattern)
    if any(_EVERYTHING_BELOW in part for part in upper) or (
        _EVERYTHING_BELOW in last and last != _EVERYTHING_BELOW
    ):
        raise ValueError(
            "has ** in a place other than the last part: write repo:acme/platform:** for "
            "everything below, and * within a part"
        )
    return pattern


def literal_parts(pattern: str) -> int | None:
    """How many parts come before the first wildcard; None without a wildcard."""
    parts = _SEPARATORS.split(pattern)
    return next((index for index, part in enumerate(parts) if "*" in part), None)


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    pieces = re.split("([:/])", pattern)
    return re.compile("".join(map(_piece, pieces)), re.DOTALL)


def _piece(part: str) -> str:
    if part == _EVERYTHING_BELOW:
        return ".+"
    if part == "*":
        return "[^:/]+"
    first, *rest = part.split("*")
    if not rest:
        return re.escape(first)
    *middle, last = rest
    # Atomic groups: the time stays proportional to the text, however many wildcards there are.
    inner = "".join(f"(?>[^:/]*?{re.escape(text)})" for text in middle)
    return f"{re.escape(first)}{inner}[^:/]*{re.escape(last)}"


def _said_values(said: object) -> set[str]:
    """A claim's value, or the values of a list, as text; none for any other shape."""
    values = said if isinstance(said, list) else [said]
    return {_as_text(value) for value in values if isinstance(value, str | int)}


def _as_text(value: ClaimValue) -> str:
    """Issuers differ in whether ids and switches are text: 123 is "123", and true is "true"."""
    return json.dumps(value) if isinstance(value, bool | int) else value


def _shown(value: object, limit: int = 200) -> str:
    """As in YAML's flow style, quoted so that it can be pasted, and bounded."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return printable(text if len(text) <= limit + 2 else f"{text[:limit]}…")
