"""A sigstore instance of our own: certificate authority, certificate log, transparency log."""

import hashlib
import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.signatures.sigstore_kit.certificates import (
    authority_certificate,
    authority_id,
    der,
    der_text,
    fulcio_extension,
    key_usage,
    sized,
)
from tests.signatures.sigstore_kit.formats import (
    BUNDLE_V3,
    Json,
    PrivateKey,
    b64,
    canonical,
    dsse_entry,
    envelope,
    hashed_rekord,
    message_signature,
    pae,
    sign,
    spki,
)

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=365)
ISSUER = "https://token.actions.githubusercontent.com"
SUBJECT = "https://github.com/acme/floe/.github/workflows/release.yml@refs/heads/main"
_LOG = "rekor.test.invalid"
_SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")

new_key = partial(ec.generate_private_key, ec.SECP256R1())


@dataclass
class Holder:
    """The holder of a certificate, which is valid for some minutes, and of its key."""

    key: PrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


@dataclass
class MiniSigstore:
    """
    A certificate authority with its logs, like the public instance of sigstore.

    sigstore's libraries for Python and JavaScript both accept its bundles, so a bundle is never
    refused for its form.
    """

    now: datetime = NOW
    # The times when its authority, certificate log and transparency log were retired.
    retired: dict[str, datetime] = field(default_factory=dict)
    authority: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    certificate_log: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    transparency_log: ec.EllipticCurvePrivateKey = field(default_factory=new_key)

    def __post_init__(self) -> None:
        self.certificate = authority_certificate(self.authority, LONG_AGO)
        self._entries = 0

    def trusted_root(self) -> bytes:
        chain = [{"rawBytes": b64(self.certificate.public_bytes(Encoding.DER))}]
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                "tlogs": [self._log("transparency_log")],
                "certificateAuthorities": [
                    {
                        "subject": {"organization": "floe test", "commonName": "test fulcio"},
                        "uri": "https://fulcio.test.invalid",
                        "certChain": {"certificates": chain},
                        "validFor": self._window("authority"),
                    }
                ],
                "ctlogs": [self._log("certificate_log")],
                "timestampAuthorities": [],
            }
        ).encode()

    def issue(
        self,
        *names: x509.GeneralName,
        issuer: str = ISSUER,
        logged: bool = True,
        key: PrivateKey | None = None,
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CODE_SIGNING,
        older_issuer: str | None = None,
    ) -> Holder:
        """A certificate for `names` (SUBJECT where none is given), with a signed timestamp."""
        key = key or new_key()
        san = names or (x509.UniformResourceIdentifier(SUBJECT),)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - timedelta(seconds=5))
            .not_valid_after(self.now + timedelta(minutes=10))
            .add_extension(key_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(authority_id(self.authority), critical=False)
            .add_extension(x509.SubjectAlternativeName(san), critical=True)
            .add_extension(fulcio_extension(1, (older_issuer or issuer).encode()), critical=False)
            .add_extension(fulcio_extension(8, der_text(issuer)), critical=False)
        )
        if logged:
            precertificate = builder.sign(self.authority, hashes.SHA256())
            builder = builder.add_extension(self._timestamps(precertificate), critical=False)
        return Holder(key, builder.sign(self.authority, hashes.SHA256()))

    def bundle(self, holder: Holder, content: Json, body: Json) -> Json:
        """A bundle of `content` with the entry that has `body`."""
        return {
            "mediaType": BUNDLE_V3,
            "verificationMaterial": {
                "certificate": {"rawBytes": b64(holder.der)},
                "tlogEntries": [self.entry(body)],
                "timestampVerificationData": {"rfc3161Timestamps": []},
            },
            **content,
        }

    def sign_statement(self, holder: Holder, payload: bytes) -> Json:
        """Make the bundle that `cosign sign` attaches."""
        signed = envelope(payload, sign(holder.key, pae(payload)))
        body = dsse_entry(payload, signed, holder.pem)
        return self.bundle(holder, {"dsseEnvelope": signed}, body)

    def sign_message(self, holder: Holder, message: bytes) -> Json:
        signature = sign(holder.key, message)
        content = {"messageSignature": message_signature(message, signature)}
        return self.bundle(holder, content, hashed_rekord(message, signature, holder.pem))

    def legacy(self, holder: Holder, payload: bytes, body: Json | None = None) -> dict[str, str]:
        """The annotations of a legacy signature of `payload`."""
        signature = sign(holder.key, payload)
        body = body or hashed_rekord(payload, signature, holder.pem)
        return {
            "dev.cosignproject.cosign/signature": b64(signature),
            "dev.sigstore.cosign/certificate": holder.pem.decode(),
            "dev.sigstore.cosign/chain": self.certificate.public_bytes(Encoding.PEM).decode(),
            "dev.sigstore.cosign/bundle": self.legacy_entry(body),
        }

    def legacy_entry(self, body: Json) -> str:
        """The annotation that holds Rekor's promise."""
        entry = self.entry(body)
        payload = {
            "body": entry["canonicalizedBody"],
            "integratedTime": int(entry["integratedTime"]),
            "logIndex": int(entry["logIndex"]),
            "logID": self._log_id.hex(),
        }
        promise = entry["inclusionPromise"]["signedEntryTimestamp"]
        return json.dumps({"SignedEntryTimestamp": promise, "Payload": payload})

    def entry(self, body: Json) -> Json:
        """The log's entry with `body`: promised, and included in a tree of three leaves."""
        self._entries += 1
        raw = canonical(body)
        time = int(self.now.timestamp())
        promise = {
            "body": b64(raw),
            "integratedTime": time,
            "logID": self._log_id.hex(),
            "logIndex": self._entries,
        }
        return {
            "logIndex": str(self._entries),
            "logId": {"keyId": b64(self._log_id)},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "integratedTime": str(time),
            "inclusionPromise": {
                "signedEntryTimestamp": b64(sign(self.transparency_log, canonical(promise)))
            },
            "inclusionProof": self._proof(raw),
            "canonicalizedBody": b64(raw),
        }

    @property
    def _log_id(self) -> bytes:
        return hashlib.sha256(spki(self.transparency_log)).digest()

    def _proof(self, leaf: bytes) -> Json:
        """The leaf is the second of three."""
        first, third = (hashlib.sha256(b"\0" + other).digest() for other in (b"one", b"three"))
        pair = hashlib.sha256(b"\1" + first + hashlib.sha256(b"\0" + leaf).digest()).digest()
        root = hashlib.sha256(b"\1" + pair + third).digest()
        return {
            "logIndex": "1",
            "rootHash": b64(root),
            "treeSize": "3",
            "hashes": [b64(first), b64(third)],
            "checkpoint": self.checkpoint(3, root),
        }

    def checkpoint(self, size: int, root: bytes) -> Json:
        """Sign a tree of `size` entries with this `root`, as the log does."""
        note = f"{_LOG} - 1\n{size}\n{b64(root)}\n"
        signature = b64(self._log_id[:4] + sign(self.transparency_log, note.encode()))
        return {"envelope": f"{note}\n— {_LOG} {signature}\n"}

    def _timestamps(self, precertificate: x509.Certificate) -> x509.UnrecognizedExtension:
        """Sign the certificate without this extension (RFC 6962, 3.2 and 3.3)."""
        entry = precertificate.tbs_certificate_bytes
        time = int(self.now.timestamp() * 1000)
        signed = (
            struct.pack(">BBQH", 0, 0, time, 1)
            + hashlib.sha256(spki(self.authority)).digest()
            + struct.pack(">I", len(entry))[1:]
            + entry
            + b"\0\0"
        )
        signature = sign(self.certificate_log, signed)
        timestamp = (
            b"\0"
            + hashlib.sha256(spki(self.certificate_log)).digest()
            + struct.pack(">QH", time, 0)
            + b"\x04\x03"
            + sized(signature)
        )
        return x509.UnrecognizedExtension(_SCT_LIST, der(4, sized(sized(timestamp))))

    def _log(self, name: str) -> Json:
        key = spki(getattr(self, name))
        return {
            "baseUrl": f"https://{name}.test.invalid",
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": b64(key),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": self._window(name),
            },
            "logId": {"keyId": b64(hashlib.sha256(key).digest())},
        }

    def _window(self, name: str) -> dict[str, str]:
        window = {"start": LONG_AGO.strftime("%Y-%m-%dT%H:%M:%SZ")}
        if name in self.retired:
            window["end"] = self.retired[name].strftime("%Y-%m-%dT%H:%M:%SZ")
        return window
