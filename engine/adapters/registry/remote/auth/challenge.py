"""
Parses the challenges of a 401 response.

RFC 9110, section 11.6.1, and https://distribution.github.io/distribution/spec/auth/token/
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # noqa: S105 - RFC 9110's term for a name
_PART = re.compile(
    rf'(?P<name>{_TOKEN})\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s,"]*))'
    rf"|(?P<scheme>{_TOKEN})"
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge; scheme and parameter names are in lower case."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def scopes(self) -> tuple[str, ...]:
        return tuple(self.parameters.get("scope", "").split())


def parse_challenges(text: str) -> tuple[Challenge, ...]:
    """Parse a WWW-Authenticate header; malformed challenges are skipped."""
    challenges: list[Challenge] = []
    for part in _PART.finditer(text):
        if part["scheme"]:
            challenges.append(Challenge(part["scheme"].lower()))
        elif challenges:
            quoted = part["quoted"]
            value = part["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            # Parameters must not repeat; the first one counts.
            challenges[-1].parameters.setdefault(part["name"].lower(), value)
    return tuple(challenges)


def merge_scopes(*scopes: Iterable[str]) -> tuple[str, ...]:
    """Merge `type:name:actions` scopes of one resource, and sort them."""
    actions: dict[str, set[str]] = {}
    for scope in (scope for group in scopes for scope in group):
        resource, _, wanted = scope.rpartition(":")
        actions.setdefault(resource, set()).update(wanted.split(","))
    return tuple(
        f"{resource}:{','.join(sorted(wanted))}".removeprefix(":")
        for resource, wanted in sorted(actions.items())
    )
