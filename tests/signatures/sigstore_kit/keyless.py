"""Artifacts signed by certificates, in both formats."""

from pathlib import Path

import pytest

from engine.adapters.sigstore import SigstoreVerifier, TrustedIssuer
from engine.domain.signature import SignatureVerdict
from tests.signatures.sigstore_kit.formats import simple_signing, statement
from tests.signatures.sigstore_kit.instance import ISSUER, Holder, MiniSigstore
from tests.signatures.sigstore_kit.repository import Layer, SignedRepository

ACME = TrustedIssuer(ISSUER, "https://github.com/acme/.*")
in_both_formats = pytest.mark.parametrize("form", ["bundle", "legacy"])


def signed(root: Path, form: str, sigstore: MiniSigstore, holder: Holder) -> SignedRepository:
    """A repository whose artifact `holder` signed as `form` says."""
    repository = SignedRepository(root / "registry")
    if form == "bundle":
        repository.attach(sigstore.sign_statement(holder, statement(repository.digest)))
    else:
        payload = simple_signing(repository.digest)
        repository.tag_legacy(Layer(payload, sigstore.legacy(holder, payload)))
    return repository


def keyless_verdict(
    repository: SignedRepository, root: MiniSigstore, *issuers: TrustedIssuer
) -> SignatureVerdict:
    """The verdict of who trusts `root` and `issuers` (ACME where none is given)."""
    file = repository.root.parent / "root.json"
    file.write_bytes(root.trusted_root())
    verifier = SigstoreVerifier((), issuers or (ACME,), file)
    return verifier.verify(repository.registry, repository.manifest)
