"""Reads statements that are attached to an artifact, and judges them as cosign does."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from engine.adapters.sigstore.candidates import Attached, Unread, attached_candidates
from engine.attestation.bundle import PREDICATE_TYPE, read_key_bundle
from engine.attestation.refusal import Refused
from engine.attestation.statement import read_statement
from engine.domain.artifact import Digest
from engine.domain.errors import RegistryAnswerError, RegistryRefusalError, UnconfiguredError
from engine.domain.public_key import PublicKey
from engine.ports import RegistryReader
from engine.ports.attestations import Attestation
from engine.ports.signer import TrustedKeys

# Returns the ID of the trusted key that signed a message; None without one.
FindSigner = Callable[[bytes, bytes], str | None]


@dataclass(frozen=True)
class AttachedStatements:
    """Implements `engine.ports.attestations.AttestationReader`; `trust_key` loads a PEM key."""

    registry: RegistryReader
    trusted: TrustedKeys | None
    trust_key: Callable[[bytes], TrustedKeys]

    def read(
        self, subject: Digest, kind: str, key: bytes | None, known: Sequence[PublicKey] = ()
    ) -> Sequence[Attestation]:
        trusted = self.trust_key(key) if key is not None else self.trusted
        if trusted is None:
            raise UnconfiguredError(
                "No key is trusted: name the public key in ledger.trusted_keys, or give --key"
            )
        find = partial(trusted.find_signer, others=() if key is not None else known)
        return tuple(self._read(subject, kind, find))

    def _read(self, subject: Digest, kind: str, find: FindSigner) -> Iterator[Attestation]:
        for candidate in attached_candidates(self.registry, subject):
            if isinstance(candidate, Unread):
                yield Attestation(candidate.place, None, refused=candidate.reason)
            elif isinstance(candidate, Attached):
                if candidate.listed.annotations.get(PREDICATE_TYPE, kind) != kind:
                    continue
                found = self._judge(candidate, subject, kind, find)
                if found:
                    yield found

    def _judge(
        self, candidate: Attached, subject: Digest, kind: str, find: FindSigner
    ) -> Attestation | None:
        place = candidate.place
        try:
            content = candidate.bundle(self.registry, subject)
            if content is None:
                return None
            bundle = read_key_bundle(content)
            statement = read_statement(bundle.payload)
            if statement.predicate_type != kind:
                return None
            if not statement.names(subject):
                raise Refused("its statement names another artifact")
            envelope = bundle.envelope
            signer = find(envelope.message, envelope.signature)
            if signer is None:
                raise Refused("no trusted key signed it")
        except RegistryRefusalError:
            raise
        except (Refused, RegistryAnswerError, ValueError) as error:
            return Attestation(place, None, refused=str(error))
        return Attestation(place, Digest(candidate.listed.digest), signer)
