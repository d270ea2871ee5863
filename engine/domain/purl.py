"""
Package URLs, as far as they identify packages: https://github.com/package-url/purl-spec

Normalizes the rules that all types share, and the case of names where a type ignores it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

_LOWER = frozenset(
    {"alpm", "apk", "bitbucket", "composer", "deb", "github", "hex", "oci", "pypi", "rpm"}
)


@dataclass(frozen=True, slots=True)
class Purl:
    """A package URL, decoded; without a version it means every version."""

    type: str
    name: str
    namespace: str = ""
    version: str = ""
    qualifiers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "Purl":
        """Parse `text`; ValueError if it is not a package URL."""
        scheme, _, rest = text.partition(":")
        rest, _, query = rest.partition("#")[0].partition("?")
        path = rest.strip("/")
        # The `@` of an npm scope starts its segment, and is not the one before a version.
        place = path.rfind("@")
        version = ""
        if place > 0 and path[place - 1] != "/":
            path, version = path[:place], path[place + 1 :]
        kind, *segments = [unquote(each) for each in path.split("/") if each] or [""]
        if scheme.lower() != "pkg" or not segments or not text.isprintable():
            raise ValueError(f"'{text[:200]}' is not a package URL like pkg:deb/debian/openssl")
        kind, names = kind.lower(), segments
        if kind in _LOWER:
            names = [each.lower() for each in segments]
        name = names[-1].replace("_", "-") if kind == "pypi" else names[-1]
        return cls(kind, name, "/".join(names[:-1]), unquote(version), _qualifiers(query))

    def __str__(self) -> str:
        """The one spelling of all that mean the same."""
        path = "/".join(
            quote(each, ":+") for each in (*self.namespace.split("/"), self.name) if each
        )
        version = f"@{quote(self.version, ':+')}" if self.version else ""
        pairs = (f"{key}={quote(value, ':+/')}" for key, value in sorted(self.qualifiers.items()))
        query = "&".join(pairs)
        return f"pkg:{self.type}/{path}{version}" + (f"?{query}" if query else "")

    def covers(self, other: "Purl") -> bool:
        """Whether `other` is this package; version and qualifiers count if this one has them."""
        if (self.type, self.namespace, self.name) != (other.type, other.namespace, other.name):
            return False
        if self.version and self.version != other.version:
            return False
        return self.qualifiers.items() <= other.qualifiers.items()


def common_purl(purls: Iterable[str | None]) -> str | None:
    """The package URL that another one covers only if it covers all `purls`; None without one."""
    found = set(purls)
    if len(found) == 1:
        return found.pop()
    parts = [(each or "").partition("#")[0].partition("?") for each in found]
    if len({base for base, _, _ in parts}) != 1:
        return None
    query = "&".join(sorted(set.intersection(*({*each.split("&")} for _, _, each in parts))))
    return parts[0][0] + (f"?{query}" if query else "")


def _qualifiers(query: str) -> dict[str, str]:
    pairs = (each.partition("=") for each in query.split("&"))
    return {key.lower(): unquote(value) for key, _, value in pairs if key and value}
