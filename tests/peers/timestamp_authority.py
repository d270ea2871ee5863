"""A timestamp authority (RFC 3161): `openssl ts` behind HTTP, with certificates of its own."""

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.peers.fake_http import FakeServer, Reply, Request

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_CONFIG = """\
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
signer_cert = {folder}/signer.pem
signer_key = {folder}/signer.key
signer_digest = {digest}
default_policy = 1.3.6.1.4.1.32473.1
digests = sha256, sha512
ess_cert_id_alg = sha256
{certs}
"""


@dataclass(frozen=True)
class Holder:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def issue(self, name: str, key: Key, *, authority: bool) -> "Holder":
        """Issue a certificate for another authority, or else for the signer of timestamps."""
        return _issue(name, key, self, authority)


def new_root(curve: ec.EllipticCurve) -> Holder:
    """Make a root certificate."""
    return _issue("Test root", ec.generate_private_key(curve), None, True)


class TimestampAuthority(FakeServer):
    """
    Answers with tokens by RSA and SHA-256, whose only certificate is that of the signer.

    `certificates` are the root and the intermediate one, in PEM.
    """

    digest = "sha256"
    root_curve: ec.EllipticCurve = ec.SECP256R1()

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        folder.mkdir()
        self.root = new_root(self.root_curve)
        self.certificates, certs = self.root.pem, ""
        signer = self.make_signer()
        if self.certificates != self.root.pem:
            (folder / "chain.pem").write_bytes(self.certificates.removeprefix(self.root.pem))
            certs = f"certs = {folder}/chain.pem"
        private = signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "signer.key").write_bytes(private)
        (folder / "signer.pem").write_bytes(signer.pem)
        (folder / "serial").write_text("01\n")
        config = _CONFIG.format(folder=folder, digest=self.digest, certs=certs)
        (folder / "tsa.cnf").write_text(config)
        (folder / "root.pem").write_bytes(self.certificates)
        self._numbers = count()

    @property
    def certificate_chain(self) -> bytes:
        """The intermediate certificate, if there is one, and the root."""
        return self.certificates.removeprefix(self.root.pem) + self.root.pem

    @property
    def url(self) -> str:
        return f"http://{self.host}/tsa"

    def make_signer(self) -> Holder:
        key = rsa.generate_private_key(65537, 2048)
        return self.root.issue("Test signer", key, authority=False)

    def respond(self, request: Request) -> Reply:
        assert request.headers["content-type"] == "application/timestamp-query"
        return Reply(
            200, self.answer(request.body), {"Content-Type": "application/timestamp-reply"}
        )

    def answer(self, query: bytes) -> bytes:
        """Answer the request `query` (DER)."""
        number = next(self._numbers)
        asked, answered = self.folder / f"{number}.tsq", self.folder / f"{number}.tsr"
        asked.write_bytes(query)
        _openssl(
            "-reply", "-config", self.folder / "tsa.cnf", "-queryfile", asked, "-out", answered
        )
        return answered.read_bytes()


class ChainAuthority(TimestampAuthority):
    """Answers with tokens by P-384 and SHA-512, and with the intermediate certificate."""

    digest = "sha512"
    # Certificates are in DER's order if the first one, that of the signer, is shorter. So the
    # signature in the other one is by a larger key.
    root_curve = ec.SECP521R1()
    signer_name = "S"

    def make_signer(self) -> Holder:
        key = ec.generate_private_key(ec.SECP384R1())
        between = self.root.issue(
            "Test intermediate", ec.generate_private_key(ec.SECP256R1()), authority=True
        )
        self.certificates += between.pem
        return between.issue(self.signer_name, key, authority=False)


class UnorderedAuthority(ChainAuthority):
    """Puts the certificates into its answer in another order than DER requires."""

    signer_name = "A signer with a name that is " + "long " * 6


def verified_by_openssl(answer: bytes, signature: bytes, authority: TimestampAuthority) -> bool:
    """Judge an answer of `authority` with `openssl ts -verify`."""
    folder = authority.folder
    (folder / "judged.tsr").write_bytes(answer)
    (folder / "judged").write_bytes(signature)
    options = ("-in", folder / "judged.tsr", "-data", folder / "judged")
    trusted = ("-CAfile", folder / "root.pem")
    done = _openssl("-verify", *options, *trusted, check=False)
    return done.returncode == 0 and b"Verification: OK" in done.stdout


def _openssl(*arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    command = ["openssl", "ts", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=60, check=check)


def _issue(name: str, key: Key, issuer: Holder | None, authority: bool) -> Holder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if not authority:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(usage, critical=True)
    return Holder(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)
