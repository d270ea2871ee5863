"""
Bundles with a certificate, verified by sigstore's own library.

Importing it takes a third of a second, so this module is imported where such a bundle is met.
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
from engine.adapters.sigstore.identity import Identity, TrustedIssuer, admitted
from engine.adapters.sigstore.payload import check_statement
from engine.adapters.sigstore.refusal import Refused
from engine.adapters.sigstore.root import TrustedRoot, log_of
from engine.adapters.sigstore.transparency import UNKNOWN_LOG
from engine.domain.errors import ConfigError
from engine.domain.manifest import Manifest

# What the library lets through where a bundle is not as it expects.
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


class _Admitted:
    """The library's policy: the certificate's identity is one that our issuers admit."""

    def __init__(self, issuers: Sequence[TrustedIssuer]) -> None:
        self._issuers = issuers

    def verify(self, cert: x509.Certificate) -> None:
        try:
            admitted(cert, self._issuers)
        except Refused as refused:
            raise VerificationError(str(refused)) from refused


class CertificateBundles:
    """Verifies bundles against one trusted root; it never uses the network."""

    def __init__(self, root: TrustedRoot, issuers: Sequence[TrustedIssuer]) -> None:
        self._root = root
        self._issuers = issuers
        try:
            trusted = SigstoreRoot(RootMessage.from_json(root.content))
            self._verifier = Verifier(trusted_root=trusted)
        except (Error, ValueError) as error:
            raise ConfigError(f"{root.name} is not usable: {error}") from error

    def judge(self, content: bytes, bundle: Bundle, artifact: Manifest) -> Identity:
        """
        Refused unless somebody admitted signed `artifact`, as certificate and log show; `bundle`
        is our reading of `content`.
        """
        try:
            theirs = SigstoreBundle.from_json(content)
            certificate = theirs.signing_certificate
            # The library takes every certificate's key for ECDSA.
            signing_key(certificate)
            self._verify(theirs, bundle, artifact)
        except (Error, *_MALFORMED) as error:
            raise Refused(str(error) or type(error).__name__) from error
        self._check_in_use(bundle, certificate)
        return admitted(certificate, self._issuers)

    def _verify(self, theirs: SigstoreBundle, bundle: Bundle, artifact: Manifest) -> None:
        policy = _Admitted(self._issuers)
        if bundle.dsse_envelope is None:
            self._verifier.verify_artifact(artifact.content, theirs, policy)
            return
        # The library says which payload was signed, and judges neither its type nor its subject.
        payload_type, payload = self._verifier.verify_dsse(theirs, policy)
        check_statement(payload_type, payload, artifact.digest)

    def _check_in_use(self, bundle: Bundle, certificate: x509.Certificate) -> None:
        """
        The library also accepts what an authority or a log signed after it was retired: a retired
        key is one that may be in other hands.
        """
        check_issued(certificate, self._root)
        for entry in bundle.verification_material.tlog_entries:
            promised = entry.time if entry.inclusion_promise else None
            if log_of(self._root.transparency, entry.log_id.key_id, promised) is None:
                raise Refused(UNKNOWN_LOG)
