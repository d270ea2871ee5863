"""The trusted root: the certificate authorities and logs of one sigstore instance."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Literal, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from pydantic import AwareDatetime, ValidationError

from engine.attestation.keys import VerificationKey, load_der
from engine.attestation.refusal import Refused
from engine.attestation.wire import Base64, Wire, first_problem
from engine.domain.errors import ConfigError

MAX_ROOT_BYTES = 4 * 1024 * 1024
# The directory of the public-good instance's root in sigstore's library.
_EMBEDDED = "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev"


class Window(Wire):
    """The time in which a key or authority was used; without `end` it is still used."""

    start: AwareDatetime
    end: AwareDatetime | None = None

    def holds(self, time: datetime) -> bool:
        return self.start <= time and (self.end is None or time <= self.end)


class _PublicKey(Wire):
    raw_bytes: Base64
    valid_for: Window


class _LogId(Wire):
    key_id: Base64


class _Log(Wire):
    base_url: str
    public_key: _PublicKey
    log_id: _LogId
    checkpoint_key_id: _LogId | None = None


class _Certificate(Wire):
    raw_bytes: Base64


class _Chain(Wire):
    certificates: tuple[_Certificate, ...]


class _Authority(Wire):
    cert_chain: _Chain
    valid_for: Window


class _TrustedRoot(Wire):
    media_type: Literal["application/vnd.dev.sigstore.trustedroot+json;version=0.1"]
    tlogs: tuple[_Log, ...]
    ctlogs: tuple[_Log, ...]
    certificate_authorities: tuple[_Authority, ...]


@dataclass(frozen=True)
class Log:
    """A log; its signatures are valid only within `window`."""

    url: str
    ids: frozenset[bytes]
    key: VerificationKey
    window: Window


@dataclass(frozen=True)
class Authority:
    """A certificate authority; `chain` goes from the issuing certificate to the root."""

    chain: tuple[x509.Certificate, ...]
    window: Window

    @property
    def issuing(self) -> x509.Certificate:
        return self.chain[0]


@dataclass(frozen=True)
class TrustedRoot:
    """One sigstore instance, described by `content` (a trusted_root.json)."""

    content: bytes
    name: str
    transparency: tuple[Log, ...]
    certificates: tuple[Log, ...]
    authorities: tuple[Authority, ...]

    @classmethod
    def parse(cls, content: bytes, name: str) -> Self:
        """Parse a trusted root; ConfigError with `name` if it is not valid."""
        try:
            root = _TrustedRoot.model_validate_json(content)
            return cls(
                content,
                name,
                tuple(_logs(root.tlogs)),
                tuple(_logs(root.ctlogs)),
                tuple(_authority(each) for each in root.certificate_authorities),
            )
        except ValidationError as error:
            fact = first_problem(error)
            raise ConfigError(f"{name} is not a sigstore trusted root: {fact}") from error
        except (ValueError, x509.InvalidVersion) as error:
            raise ConfigError(f"{name} is not a usable trusted root: {error}") from error

    def authority_of(self, certificate: x509.Certificate) -> Authority:
        """
        The authority that issued `certificate` within its window; else Refused. The time of issue
        is the start of validity, since these certificates live for minutes.
        """
        issued = certificate.not_valid_before_utc
        for authority in self.authorities:
            try:
                certificate.verify_directly_issued_by(authority.issuing)
            except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
                continue
            if authority.window.holds(issued):
                return authority
        raise Refused("its certificate was issued by no authority that the trusted root then had")


def read_root(path: Path | None) -> TrustedRoot:
    """Read the root at `path`, by default the embedded one; ConfigError if that fails."""
    if path is None:
        return TrustedRoot.parse(_embedded(), "the public-good instance's trusted root")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_ROOT_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"the trusted root {path} cannot be read: {error.strerror}; check trusted_root"
        ) from error
    if len(content) > MAX_ROOT_BYTES:
        raise ConfigError(f"the trusted root {path} has more than {MAX_ROOT_BYTES} bytes")
    return TrustedRoot.parse(content, f"the trusted root {path}")


def _embedded() -> bytes:
    try:
        folder = resources.files("sigstore._store").joinpath(_EMBEDDED)
        return folder.joinpath("trusted_root.json").read_bytes()
    except (OSError, ModuleNotFoundError) as error:
        raise ConfigError(
            "the installed sigstore library has no embedded trusted root: set trusted_root to a "
            "file"
        ) from error


def log_of(logs: Iterable[Log], log_id: bytes, time: datetime | None) -> Log | None:
    """The log with that id, if it was in use at `time`."""
    for log in logs:
        if log_id in log.ids and (time is None or log.window.holds(time)):
            return log
    return None


def _logs(logs: Iterable[_Log]) -> Iterable[Log]:
    for log in logs:
        key = load_der(log.public_key.raw_bytes)
        if key is None:
            continue  # An unsupported key: entries of this log are refused as unknown.
        ids = {log.log_id.key_id, hashlib.sha256(key.der).digest()}
        if log.checkpoint_key_id:
            ids.add(log.checkpoint_key_id.key_id)
        yield Log(log.base_url, frozenset(ids), key, log.public_key.valid_for)


def _authority(authority: _Authority) -> Authority:
    chain = tuple(
        x509.load_der_x509_certificate(each.raw_bytes) for each in authority.cert_chain.certificates
    )
    if not chain:
        raise ValueError("it has an authority without a certificate")
    return Authority(chain, authority.valid_for)
