"""Publishes the statements of the versions that may run in an environment."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.adapters.statements.legacy import LegacyAttestations
from engine.adapters.statements.manifests import (
    bundle_manifest,
    inline_content,
    listed_descriptor,
    states_kind,
)
from engine.attestation.bundle import BUNDLE_V03, read_key_bundle, sign_statement
from engine.attestation.current import CURRENT, CurrentPredicate
from engine.attestation.refusal import Refused
from engine.attestation.statement import make_statement, predicate_type, read_statement
from engine.attestation.wire import parse
from engine.domain.artifact import Digest, Tag
from engine.domain.canonical import canonical_json
from engine.domain.errors import ContentMissingError
from engine.domain.ledger import LedgerEntry
from engine.domain.manifest import Descriptor, Manifest
from engine.domain.public_key import PublicKey
from engine.ports import Leases, Registry
from engine.ports.signer import Signer, TrustedKeys
from engine.ports.state import REFERRERS_LEASE
from engine.ports.statements import Published

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BundlePublisher:
    """
    Implements `engine.ports.statements.StatementPublisher`.

    The tag `floe-current.<env>` points to the newest statement of the version that runs. It moves
    last, so an interrupted publication is repeated.
    """

    registry: Registry
    leases: Leases
    signer: Signer
    trusted: TrustedKeys
    legacy: LegacyAttestations | None = None

    def read(self, environment: str, known: Sequence[PublicKey] = ()) -> Published | None:
        manifest = self.registry.fetch(_tag(environment))
        try:
            content = inline_content(manifest) if manifest else None
            return self._verified(content, environment, known) if content else None
        except (Refused, ValueError) as error:
            # Everyone with push access can move the tag, and then it proves nothing.
            _log.warning("the statement at %s is not used: %s", _tag(environment), error)
            return None

    def _verified(self, content: bytes, environment: str, known: Sequence[PublicKey]) -> Published:
        bundle = read_key_bundle(content)
        envelope = bundle.envelope
        signer = self.trusted.find_signer(envelope.message, envelope.signature, known)
        if signer is None:
            raise Refused("no trusted key signed it")
        statement = read_statement(bundle.payload)
        if statement.predicate_type != predicate_type(CURRENT, environment):
            raise Refused(f"it is of the type {statement.predicate_type}")
        stated = parse(CurrentPredicate, canonical_json(statement.predicate), "its predicate")
        _ = stated.digests  # ValueError for malformed digests
        return Published(stated, signer)

    def publish(self, stated: CurrentPredicate, before: CurrentPredicate | None) -> tuple[str, ...]:
        kind = predicate_type(CURRENT, stated.environment)
        # The tagged statement is the last one, since deleting it can remove the tag.
        known = reversed(before.digests) if before else ()
        left = [each for each in known if each not in stated.digests]
        with self.leases.hold(REFERRERS_LEASE):
            # Before anything that can fail, like signing: these may no longer run.
            problems = [text for each in left for text in self._withdraw(each, kind, None)]
            bundle = self._sign(stated, kind)
            self.registry.open_upload().finish(bundle)
            newest = None
            for digest in reversed(stated.digests):
                newest = self._attach(bundle, kind, digest, stated)
                if newest is not None:
                    problems += self._withdraw(digest, kind, newest.digest, bundle)
            if newest is None:
                raise ContentMissingError(
                    f"{stated.current.digest}, which runs in {stated.environment}, is no longer in "
                    f"{self.registry.reference}: promote another version"
                )
            self.registry.put(newest, _tag(stated.environment))
        _log.info("stated that %s runs %s", stated.environment, stated.current.version)
        return tuple(problems)

    def _sign(self, stated: CurrentPredicate, kind: str) -> bytes:
        current, *also = stated.digests
        predicate = stated.model_dump(mode="json", by_alias=True)
        payload = make_statement(stated.repository, current, kind, predicate, also)
        return sign_statement(payload, self.signer.sign, self.signer.public_key())

    def publish_entry(self, entry: LedgerEntry) -> None:
        view = entry.manifest.view
        if self.legacy is None or view.subject is None or view.artifact_type != BUNDLE_V03:
            return
        [layer] = view.layers or ()
        bundle = inline_content(entry.manifest) or self.registry.blob(layer.digest, layer.size)
        kind = predicate_type(entry.record.kind, entry.environment)
        with self.leases.hold(REFERRERS_LEASE):
            self.legacy.add(Digest(view.subject.digest), kind, bundle)

    def _attach(
        self, bundle: bytes, kind: str, digest: Digest, stated: CurrentPredicate
    ) -> Manifest | None:
        """Attach `bundle` to the artifact `digest`; None if the registry lost it."""
        artifact = self.registry.fetch(digest)
        if artifact is None:
            return None
        created = stated.issued_at.isoformat()
        manifest = bundle_manifest(bundle, kind, artifact.descriptor, created)
        self.registry.put(manifest)
        self.registry.attach(digest, listed_descriptor(manifest))
        return manifest

    def _withdraw(
        self, subject: Digest, kind: str, newest: Digest | None, bundle: bytes | None = None
    ) -> Iterator[str]:
        """
        Detach the statements of `kind` from `subject` but for `newest`, which has `bundle`; yield a
        problem.
        """
        if self.legacy is not None:
            self.legacy.replace(subject, kind, bundle)
        digests = [
            digest
            for each in self.registry.referrers(subject, BUNDLE_V03)
            if each.digest != str(newest) and (digest := self._of_kind(each, kind))
        ]
        kept = self.registry.detach(subject, digests) if digests else ()
        if kept:
            yield (
                f"{self.registry.reference} does not delete the earlier statement of {kind} from "
                f"{subject.short}: cosign accepts it, and with a policy refuses the artifact once "
                "it has expired. Allow floe to delete manifests in the registry"
            )

    def _of_kind(self, listed: Descriptor, kind: str) -> Digest | None:
        """The digest of a statement of `kind`, which is read if listed without annotations."""
        try:
            digest = Digest(listed.digest)
            described = listed if listed.annotations else self.registry.fetch(digest)
            return digest if described and states_kind(described, kind) else None
        except ValueError:
            # Neither a digest nor a manifest, so no statement of floe.
            return None


def _tag(environment: str) -> Tag:
    return Tag(f"floe-current.{environment}")
