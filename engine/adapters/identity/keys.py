"""Parses the key set of an issuer (RFC 7517); each key has its allowed algorithms."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.adapters.identity.documents import DocumentError

_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
# By `kty` and `crv`. Shared secrets (`oct`) are left out: they do not prove who signed.
_ALGORITHMS = {
    ("RSA", None): _RSA,
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
    ("OKP", "Ed448"): frozenset({"EdDSA"}),
}
# Public members only: with private ones the library would build a private key.
_PUBLIC = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}

ASYMMETRIC = frozenset[str]().union(*_ALGORITHMS.values())
"""The accepted algorithms of tokens: never `none`, never HS*."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key. `jwk` has `kty` and its public members only."""

    id: str | None
    algorithms: frozenset[str]
    jwk: Mapping[str, str]


def parse_keys(document: Mapping[str, object]) -> tuple[Key, ...]:
    """The keys of a JWK set that can verify signatures; DocumentError if there are none."""
    entries = document.get("keys")
    if not isinstance(entries, list):
        raise DocumentError("publishes no key set")
    found = tuple(key for entry in entries if isinstance(entry, dict) and (key := _key(entry)))
    if not found:
        raise DocumentError("publishes no key that can verify a signature")
    return found


def _key(entry: Mapping[str, object]) -> Key | None:
    """The key, or None if it is unusable; RFC 7517 requires to ignore unknown types."""
    kind, curve, key_id = entry.get("kty"), entry.get("crv"), entry.get("kid")
    if not isinstance(kind, str) or not isinstance(curve, str | None):
        return None
    algorithms = _allowed(entry, _ALGORITHMS.get((kind, curve), frozenset()))
    jwk = {name: entry.get(name) for name in ("kty", *_PUBLIC.get(kind, ()))}
    members = {name: value for name, value in jwk.items() if isinstance(value, str)}
    if not algorithms or len(members) < len(jwk):
        return None
    return Key(key_id if isinstance(key_id, str) else None, algorithms, members)


def _allowed(entry: Mapping[str, object], algorithms: frozenset[str]) -> frozenset[str]:
    """`algorithms` without those that the entry excludes by `use`, `key_ops` or `alg`."""
    operations = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") != "sig":
        return frozenset()
    if not isinstance(operations, list) or "verify" not in operations:
        return frozenset()
    if "alg" in entry:
        return algorithms & {str(entry["alg"])}
    return algorithms
