"""
Verifies bundles with a certificate, by sigstore's library.

The library takes a third of a second to import, so this module is imported on first use.
"""

from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from sigstore.errors import Error, VerificationError
from sigstore.models import Bundle as SigstoreBundle
from sigstore.models import TrustedRoot as SigstoreRoot
from sigstore.verify import Verifier
from sigstore_models.trustroot.v1 import TrustedRoot as RootMessage

from engine.adapters.sigstore.bundle import Bundle
from engine.adapters.sigstore.certificate import check_issued, signing_key
from engine.adapters.sigstore.identity import Identity, TrustedIssuer, admit
from engine.adapters.sigstore.payload import check_statement
from engine.adapters.sigstore.root import TrustedRoot, log_of
from engine.adapters.sigstore.transparency import UNKNOWN_LOG
from engine.attestation.refusal import Refused
from engine.domain.errors import ConfigError
from engine.domain.manifest import Manifest

# Exceptions of the library for malformed bundles.
_MALFORMED = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    OSError,
    InvalidSignature,
    UnsupportedAlgorithm,
    x509.ExtensionNotFound,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


class _AdmissionPolicy:
    """A policy of the library: one of `issuers` admits the identity of the certificate."""

    def __init__(self, issuers: Sequence[TrustedIssuer]) -> None:
        self._issuers = issuers

    def verify(self, cert: x509.Certificate) -> None:
        try:
            admit(cert, self._issuers)
        except Refused as refused:
            raise VerificationError(str(refused)) from refused


class CertificateBundles:
    """Verifies bundles against one trusted root, without network access."""

    def __init__(self, root: TrustedRoot, issuers: Sequence[TrustedIssuer]) -> None:
        self._root = root
        self._issuers = issuers
        try:
            trusted = SigstoreRoot(RootMessage.from_json(root.content))
            self._verifier = Verifier(trusted_root=trusted)
        except (Error, ValueError) as error:
            raise ConfigError(f"{root.name} is not usable: {error}") from error

    def verify(self, content: bytes, bundle: Bundle, artifact: Manifest) -> Identity:
        """
        Verify that an admitted identity signed `artifact`, by certificate and log; else raise
        Refused. `bundle` is `content` in our own model.
        """
        try:
            library_bundle = SigstoreBundle.from_json(content)
            certificate = library_bundle.signing_certificate
            # Checked here, since the library assumes that every key is ECDSA.
            signing_key(certificate)
            self._verify(library_bundle, bundle, artifact)
        except (Error, *_MALFORMED) as error:
            raise Refused(str(error) or type(error).__name__) from error
        self._check_in_use(bundle, certificate)
        return admit(certificate, self._issuers)

    def _verify(self, library_bundle: SigstoreBundle, bundle: Bundle, artifact: Manifest) -> None:
        policy = _AdmissionPolicy(self._issuers)
        if bundle.dsse_envelope is None:
            self._verifier.verify_artifact(artifact.content, library_bundle, policy)
            return
        # The library returns the signed payload, and does not check its type and subject.
        payload_type, payload = self._verifier.verify_dsse(library_bundle, policy)
        check_statement(payload_type, payload, artifact.digest)

    def _check_in_use(self, bundle: Bundle, certificate: x509.Certificate) -> None:
        """
        Refuse signatures of authorities and logs after their retirement, which the library
        accepts: a retired key may be compromised.
        """
        check_issued(certificate, self._root)
        for entry in bundle.verification_material.tlog_entries:
            promised = entry.time if entry.inclusion_promise else None
            if log_of(self._root.transparency, entry.log_id.key_id, promised) is None:
                raise Refused(UNKNOWN_LOG)
