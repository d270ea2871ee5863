"""Finds and verifies a signature of an artifact, in all places that cosign uses."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from engine.adapters.sigstore.bundle import read_bundle
from engine.adapters.sigstore.candidates import (
    Attached,
    Candidate,
    LegacyLayer,
    attached_candidates,
    legacy_candidates,
)
from engine.adapters.sigstore.identity import Identity, TrustedIssuer
from engine.adapters.sigstore.keyed import KeySignature, verify_key_bundle
from engine.adapters.sigstore.legacy import read_legacy, verify_by_certificate, verify_by_key
from engine.adapters.sigstore.openvex import read_signed_vex
from engine.adapters.sigstore.root import read_root
from engine.attestation.keys import load_pem
from engine.attestation.refusal import Refused
from engine.domain.artifact import Digest
from engine.domain.canonical import canonical_json
from engine.domain.errors import ConfigError, RegistryAnswerError
from engine.domain.manifest import Manifest
from engine.domain.openvex import VexStatements
from engine.domain.signature import ExaminedSignature, SignatureVerdict, refused_verdict
from engine.ports import RegistryReader

if TYPE_CHECKING:
    from engine.adapters.sigstore.keyless import CertificateBundles

# Increased when the rules become stricter, so that cached verdicts are discarded.
_RULES = 1
_NO_ISSUERS = "made with a certificate, and no trusted_issuers are configured"


class SigstoreVerifier:
    """
    Verifies signatures by `public_keys` (PEM) and by the subjects of `trusted_issuers`, offline.

    `trusted_root` is a trusted_root.json, read once; the default is the root of the public-good
    instance in sigstore's library. ConfigError for invalid settings, or without keys and issuers.
    Thread-safe.
    """

    def __init__(
        self,
        public_keys: tuple[bytes, ...] = (),
        trusted_issuers: tuple[TrustedIssuer, ...] = (),
        trusted_root: Path | None = None,
    ) -> None:
        if not public_keys and not trusted_issuers:
            raise ConfigError(
                "signatures cannot be verified without keys: set public_keys or trusted_issuers"
            )
        self._keys = tuple(
            load_pem(pem, f"public_keys[{number}]") for number, pem in enumerate(public_keys)
        )
        self._issuers = trusted_issuers
        self._root = read_root(trusted_root)

    @cached_property
    def verification_digest(self) -> str:
        """
        `sha256:…` of all settings that affect a verdict; with the artifact's digest it is the
        cache key of good verdicts.
        """
        settings = {
            "rules": _RULES,
            "library": version("sigstore"),
            "public_keys": sorted(key.fingerprint for key in self._keys),
            "trusted_issuers": sorted([each.issuer, each.subject_regex] for each in self._issuers),
            "trusted_root": hashlib.sha256(self._root.content).hexdigest(),
        }
        return f"sha256:{hashlib.sha256(canonical_json(settings)).hexdigest()}"

    def verify(self, registry: RegistryReader, manifest: Manifest) -> SignatureVerdict:
        """
        Verify that `manifest` has a good signature in `registry`. If some signatures cannot be
        read and no other is good, raises the error of the registry.
        """
        examined: list[ExaminedSignature] = []
        unreadable: RegistryAnswerError | None = None
        for candidate in _candidates(registry, manifest):
            reason: str | None = None
            try:
                good = self._verify(candidate, registry, manifest)
            except Refused as refused:
                reason = str(refused)
            except RegistryAnswerError as error:
                reason, unreadable = str(error), unreadable or error
            else:
                if good is None:
                    continue
                examined.append(ExaminedSignature(candidate.place))
                return _verdict(good, tuple(examined))
            examined.append(ExaminedSignature(candidate.place, reason))
        if unreadable is not None:
            raise unreadable
        return refused_verdict(tuple(examined))

    def vex(self, registry: RegistryReader, artifact: Digest) -> VexStatements | None:
        """As the port says; see `read_signed_vex`."""
        return read_signed_vex(registry, artifact, self._keys) if self._keys else None

    def _verify(
        self, candidate: Candidate, registry: RegistryReader, manifest: Manifest
    ) -> KeySignature | Identity | None:
        """The signer of a good signature; None if it is not a signature; Refused if it is bad."""
        if isinstance(candidate, LegacyLayer):
            return self._verify_legacy(candidate, candidate.payload(registry), manifest)
        if isinstance(candidate, Attached):
            content = candidate.bundle(registry, manifest.digest)
            return None if content is None else self._verify_bundle(content, manifest)
        raise Refused(candidate.reason)

    def _verify_legacy(
        self, candidate: LegacyLayer, payload: bytes, manifest: Manifest
    ) -> KeySignature | Identity:
        legacy = read_legacy(payload, candidate.layer.annotations, manifest.digest)
        try:
            return verify_by_key(legacy, self._keys, self._root)
        except Refused:
            # A signature with a certificate is usually by the key of the certificate.
            if legacy.certificate is None:
                raise
        if not self._issuers:
            raise Refused(_NO_ISSUERS)
        return verify_by_certificate(legacy, legacy.certificate, self._issuers, self._root)

    def _verify_bundle(self, content: bytes, manifest: Manifest) -> KeySignature | Identity:
        bundle = read_bundle(content, manifest.digest)
        if not bundle.keyless:
            return verify_key_bundle(bundle, manifest, self._keys, self._root)
        if not self._issuers:
            raise Refused(_NO_ISSUERS)
        return self._certificates.verify(content, bundle, manifest)

    @cached_property
    def _certificates(self) -> "CertificateBundles":
        # Imported late: it is slow, and most runs have no certificate.
        from engine.adapters.sigstore.keyless import CertificateBundles

        return CertificateBundles(self._root, self._issuers)


def _candidates(registry: RegistryReader, manifest: Manifest) -> list[Candidate]:
    """All possible signatures, read from both places in parallel."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        legacy = pool.submit(legacy_candidates, registry, manifest.digest)
        attached = attached_candidates(registry, manifest.digest)
        return [*legacy.result(), *attached]


def _verdict(
    good: KeySignature | Identity, examined: tuple[ExaminedSignature, ...]
) -> SignatureVerdict:
    if isinstance(good, Identity):
        return SignatureVerdict(
            "keyless", good.issuer, good.subject, problem=None, examined=examined
        )
    return SignatureVerdict(
        "key",
        fingerprint=good.key.fingerprint,
        problem=None,
        examined=examined,
        notes=(good.note,),
    )
