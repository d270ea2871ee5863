"""Looks for one good signature of an artifact, wherever cosign may have put it."""

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
from engine.adapters.sigstore.keyed import KeySignature, judge_key_bundle
from engine.adapters.sigstore.keys import load_pem
from engine.adapters.sigstore.legacy import judge_by_certificate, judge_by_key, read_legacy
from engine.adapters.sigstore.refusal import Refused
from engine.adapters.sigstore.root import read_root
from engine.domain.canonical import canonical_json
from engine.domain.errors import ConfigError, RegistryAnswerError
from engine.domain.manifest import Manifest
from engine.domain.signature import ExaminedSignature, SignatureVerdict, refused_verdict
from engine.ports import RegistryReader

if TYPE_CHECKING:
    from engine.adapters.sigstore.keyless import CertificateBundles

# Counted up when these modules refuse what they used to accept: cached verdicts then do not count.
_RULES = 1
_NO_ISSUERS = "made with a certificate, and no trusted_issuers are configured"


class SigstoreVerifier:
    """
    Verifies signatures by `public_keys` (PEM) and by the subjects of `trusted_issuers`, offline.

    `trusted_root` is a trusted_root.json, read once, here; without it the public-good instance's
    root that comes with sigstore's library is used. ConfigError for settings that cannot be used,
    or by which nobody could sign. Several threads may use it at once.
    """

    def __init__(
        self,
        public_keys: tuple[bytes, ...] = (),
        trusted_issuers: tuple[TrustedIssuer, ...] = (),
        trusted_root: Path | None = None,
    ) -> None:
        if not public_keys and not trusted_issuers:
            raise ConfigError(
                "there is nothing to verify signatures with: name public_keys or trusted_issuers"
            )
        self._keys = tuple(
            load_pem(pem, f"public_keys[{number}]") for number, pem in enumerate(public_keys)
        )
        self._issuers = trusted_issuers
        self._root = read_root(trusted_root)

    @cached_property
    def verification_digest(self) -> str:
        """
        `sha256:…` over all that a verdict depends on but the artifact and its signatures: good
        verdicts may be kept under this and the artifact's digest.
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
        Whether `manifest` has a good signature in `registry`. What the registry cannot answer is
        its PromotionError, unless a good signature is found among what it can.
        """
        examined: list[ExaminedSignature] = []
        unreadable: RegistryAnswerError | None = None
        for candidate in _found(registry, manifest):
            reason: str | None = None
            try:
                good = self._judge(candidate, registry, manifest)
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

    def _judge(
        self, candidate: Candidate, registry: RegistryReader, manifest: Manifest
    ) -> KeySignature | Identity | None:
        """What makes the candidate good; None for what is no signature; else Refused."""
        if isinstance(candidate, LegacyLayer):
            return self._judge_legacy(candidate, candidate.payload(registry), manifest)
        if isinstance(candidate, Attached):
            content = candidate.bundle(registry, manifest.digest)
            return None if content is None else self._judge_bundle(content, manifest)
        raise Refused(candidate.reason)

    def _judge_legacy(
        self, candidate: LegacyLayer, payload: bytes, manifest: Manifest
    ) -> KeySignature | Identity:
        legacy = read_legacy(payload, candidate.layer.annotations, manifest.digest)
        try:
            return judge_by_key(legacy, self._keys, self._root)
        except Refused:
            # With a certificate, it is most likely by the certificate's key.
            if legacy.certificate is None:
                raise
        if not self._issuers:
            raise Refused(_NO_ISSUERS)
        return judge_by_certificate(legacy, legacy.certificate, self._issuers, self._root)

    def _judge_bundle(self, content: bytes, manifest: Manifest) -> KeySignature | Identity:
        bundle = read_bundle(content, manifest.digest)
        if not bundle.keyless:
            return judge_key_bundle(bundle, manifest, self._keys, self._root)
        if not self._issuers:
            raise Refused(_NO_ISSUERS)
        return self._certificates.judge(content, bundle, manifest)

    @cached_property
    def _certificates(self) -> "CertificateBundles":
        # Here, and not at the top: most runs meet no certificate, and the import takes longer
        # than everything else they do.
        from engine.adapters.sigstore.keyless import CertificateBundles

        return CertificateBundles(self._root, self._issuers)


def _found(registry: RegistryReader, manifest: Manifest) -> list[Candidate]:
    """All that may be a signature, read from both places side by side."""
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
