"""The keys an issuer publishes (RFC 7517), each with the algorithms it may be used for."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.adapters.identity.documents import DocumentError

_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
# By `kty` and, where there is one, `crv`. A shared secret (`oct`) proves nothing about who signed.
_ALGORITHMS = {
    ("RSA", None): _RSA,
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
    ("OKP", "Ed448"): frozenset({"EdDSA"}),
}
# The public half alone, so that an issuer who publishes a private key does not confuse the library.
_PUBLIC = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}

ASYMMETRIC = frozenset[str]().union(*_ALGORITHMS.values())
"""What tokens may be signed with: never `none`, never HS*."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key. `jwk` has `kty` and its public members only."""

    id: str | None
    algorithms: frozenset[str]
    jwk: Mapping[str, str]


def published_keys(document: Mapping[str, object]) -> tuple[Key, ...]:
    """The keys of a JWK set that verify signatures; DocumentError when there is none."""
    entries = document.get("keys")
    if not isinstance(entries, list):
        raise DocumentError("publishes no set of keys")
    found = tuple(key for entry in entries if isinstance(entry, dict) and (key := _key(entry)))
    if not found:
        raise DocumentError("publishes no key that can verify a signature")
    return found


def _key(entry: Mapping[str, object]) -> Key | None:
    """None for what cannot be used: RFC 7517 has unknown kinds of keys ignored."""
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
    """`algorithms`, less what the key says it is not for."""
    operations = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") != "sig":
        return frozenset()
    if not isinstance(operations, list) or "verify" not in operations:
        return frozenset()
    if "alg" in entry:
        return algorithms & {str(entry["alg"])}
    return algorithms
