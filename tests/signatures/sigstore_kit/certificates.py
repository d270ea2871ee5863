"""Certificates as Fulcio issues them, and the DER they need."""

import struct
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_OID = "1.3.6.1.4.1.57264.1"


def authority_certificate(key: ec.EllipticCurvePrivateKey, since: datetime) -> x509.Certificate:
    """The root of an authority, for ten years."""
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "floe test"),
            x509.NameAttribute(NameOID.COMMON_NAME, "test fulcio"),
        ]
    )
    own_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(since)
        .not_valid_after(since + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(own_id, critical=False)
        .add_extension(authority_id(key), critical=False)
        .sign(key, hashes.SHA256())
    )


def authority_id(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def user_name(name: str) -> x509.OtherName:
    """The subject of an issuer whose users have neither address nor URI."""
    return x509.OtherName(x509.ObjectIdentifier(f"{_OID}.7"), der_text(name))


def der_text(text: str) -> bytes:
    return der(0x0C, text.encode())


def fulcio_extension(number: int, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(f"{_OID}.{number}"), value)


def der(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big") + content


def sized(content: bytes) -> bytes:
    return struct.pack(">H", len(content)) + content


def key_usage(**what: bool) -> x509.KeyUsage:
    no = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(**(no | what))
