"""
What a registry asks for when it answers 401.

RFC 9110, section 11.6.1, and https://distribution.github.io/distribution/spec/auth/token/
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # noqa: S105 - RFC 9110's word for a name
_PART = re.compile(
    rf'(?P<name>{_TOKEN})\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s,"]*))'
    rf"|(?P<scheme>{_TOKEN})"
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way in. Scheme and parameter names are in lower case."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def scopes(self) -> tuple[str, ...]:
        return tuple(self.parameters.get("scope", "").split())


def parse_challenges(text: str) -> tuple[Challenge, ...]:
    """The challenges of a WWW-Authenticate header; what is no challenge is passed over."""
    challenges: list[Challenge] = []
    for part in _PART.finditer(text):
        if part["scheme"]:
            challenges.append(Challenge(part["scheme"].lower()))
        elif challenges:
            quoted = part["quoted"]
            value = part["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            # A repeated parameter has no meaning; the first one stands.
            challenges[-1].parameters.setdefault(part["name"].lower(), value)
    return tuple(challenges)


def united(*scopes: Iterable[str]) -> tuple[str, ...]:
    """`type:name:actions` scopes, sorted, with the actions of each resource put together."""
    actions: dict[str, set[str]] = {}
    for scope in (scope for group in scopes for scope in group):
        resource, _, wanted = scope.rpartition(":")
        actions.setdefault(resource, set()).update(wanted.split(","))
    return tuple(
        f"{resource}:{','.join(sorted(wanted))}".removeprefix(":")
        for resource, wanted in sorted(actions.items())
    )
