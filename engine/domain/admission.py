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
    The rules for the tokens of one issuer; a token is admitted when it meets all that are given.

    `subjects` are patterns for the claim `sub` (see `subject_matches`). `claims` maps a claim to
    the values it may have. `domains` are those of the verified e-mail address, in lower case.
    """

    subjects: tuple[str, ...] = ()
    claims: Mapping[str, tuple[ClaimValue, ...]] = field(default_factory=dict)
    domains: tuple[str, ...] = ()

    def explain_refusal(self, payload: Mapping[str, object], email: str | None) -> str | None:
        """
        Explain why a verified token is refused, as the rest of a sentence; None if it is admitted.

        `email` is the address that the issuer verified; it replaces the claim `email`.
        """
        subject = payload.get("sub")
        if self.subjects and not any(subject_matches(each, subject) for each in self.subjects):
            return (
                f"the subject {_quote(subject)} matches none of subjects {_quote(self.subjects)}; "
                f"to admit it, add {_quote(subject, limit=1000)} to subjects"
            )
        for name, values in self.claims.items():
            claim = email if name == "email" else payload.get(name)
            if not _claim_values(claim) & {_as_text(value) for value in values}:
                found = "is missing" if claim is None else f"is {_quote(claim)}"
                return f"the claim {name} {found}, and claims admits only {_quote(values)}"
        if self.domains and (email or "").rpartition("@")[2].casefold() not in self.domains:
            found = f"the e-mail address is {email}" if email else "it has no verified e-mail"
            return f"{found}, and allowed_domains admits only {_quote(self.domains)}"
        return None


def subject_matches(pattern: str, subject: object) -> bool:
    """
    Match the whole of `subject`; False if it is not text.

    `:` and `/` divide pattern and subject into parts. `*` matches characters within one part, and
    `**` as the last part matches everything below it.
    """
    if not isinstance(subject, str):
        return False
    if subject == pattern:
        return True
    # A wildcard must not match `.` and `..`, which a path resolves to another place.
    if not {".", ".."}.isdisjoint(_SEPARATORS.split(subject)):
        return False
    return _expression(pattern).fullmatch(subject) is not None


def check_subject_pattern(pattern: str) -> str:
    """Return `pattern`; ValueError where `**` is not the last part."""
    *upper, last = _SEPARATORS.split(pattern)
    if any(_EVERYTHING_BELOW in part for part in upper) or (
        _EVERYTHING_BELOW in last and last != _EVERYTHING_BELOW
    ):
        raise ValueError(
            "has ** before the last part: write repo:acme/platform:** for everything below, and * "
            "within a part"
        )
    return pattern


def count_literal_parts(pattern: str) -> int | None:
    """Count the parts before the first wildcard; None without a wildcard."""
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


def _claim_values(claim: object) -> set[str]:
    """The value of a claim, or the values of a list, as text; empty for any other shape."""
    values = claim if isinstance(claim, list) else [claim]
    return {_as_text(value) for value in values if isinstance(value, str | int)}


def _as_text(value: ClaimValue) -> str:
    """Write numbers and switches as text (123 is "123"): issuers differ in how they send them."""
    return json.dumps(value) if isinstance(value, bool | int) else value


def _quote(value: object, limit: int = 200) -> str:
    """Quote `value` for YAML's flow style, so that it can be pasted; at most `limit` characters."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return printable(text if len(text) <= limit + 2 else f"{text[:limit]}…")
