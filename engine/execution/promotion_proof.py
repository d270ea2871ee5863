"""Judge an artifact: the signatures of its build, and its promotion to an environment."""

from collections.abc import Iterable
from contextlib import suppress

from engine.attestation.statement import predicate_type
from engine.context.source_facts import find_rollback
from engine.domain.artifact import Digest
from engine.domain.errors import LedgerUnreadableError, UnconfiguredError
from engine.domain.ledger import LedgerEntry, keys_named_by
from engine.domain.manifest import Manifest
from engine.domain.promotion_proof import PromotionProof, Standing
from engine.domain.signature import ExaminedSignature, SignatureVerdict
from engine.execution.runner import Runner
from engine.ports.attestations import Attestation


def examine_artifact(
    runner: Runner, manifest: Manifest, environment: str | None, key: bytes | None
) -> tuple[SignatureVerdict | None, PromotionProof | None]:
    """
    Verify the signatures of `manifest`, and its promotion to `environment`.

    Each is None if no key for it is configured; UnconfiguredError if both would be.
    """
    proof = None
    if environment is not None:
        with suppress(UnconfiguredError):
            proof = prove_promotion(runner, manifest.digest, environment, key)
    try:
        return runner.verifier.verify(runner.registry, manifest), proof
    except UnconfiguredError:
        if proof is None:
            raise
        return None, proof


def prove_promotion(
    runner: Runner, digest: Digest, environment: str, key: bytes | None
) -> PromotionProof:
    """
    Judge whether `digest` was promoted to `environment`, and its role there now.

    Attestations are judged by the public `key` (PEM), or by ledger.trusted_keys and the keys that
    the ledger names; UnconfiguredError without any.
    """
    if runner.attestations is None:
        raise UnconfiguredError("This engine reads no attestations")
    kind = predicate_type("promotion", environment)
    head = runner.ledger.head(environment)
    known = keys_named_by(runner.ledger.rotations(head)) if head and key is None else ()
    found = runner.attestations.read(digest, kind, key, known)
    entry = runner.ledger.find_promotion(head, digest) if head else None
    rollback = find_rollback(runner.ledger, head, str(digest)) if head and entry else None
    valid = [each for each in found if each.signer]
    committed = [each for each in valid if head and _is_committed(runner, head, each)]
    return PromotionProof(
        environment=environment,
        kind=kind,
        standing=_standing(head, entry, rollback, digest, forged=bool(valid and not committed)),
        entry=entry,
        rollback=rollback,
        signer=next((each.signer for each in committed), None),
        examined=tuple(_examined(found, committed)),
    )


def _standing(
    head: LedgerEntry | None,
    entry: LedgerEntry | None,
    rollback: LedgerEntry | None,
    digest: Digest,
    *,
    forged: bool,
) -> Standing:
    if head is None or entry is None:
        return Standing.VOID if forged else Standing.NEVER_PROMOTED
    if head.state.digest == str(digest):
        return Standing.RUNNING
    return Standing.ROLLED_BACK if rollback else Standing.REPLACED


def _is_committed(runner: Runner, head: LedgerEntry, attestation: Attestation) -> bool:
    """Whether the ledger that ends with `head` contains the entry that is the attestation."""
    if attestation.manifest is None:
        return False
    found = runner.ledger.inspect_digest(head.environment, attestation.manifest)
    if found is None or found.entry is None or not 0 < found.entry.sequence <= head.sequence:
        return False
    try:
        entry = runner.ledger.entry(head, found.entry.sequence)
    except LedgerUnreadableError:
        # No entry links to this number: its content is a void.
        return False
    return entry.digest == attestation.manifest


def _examined(
    found: Iterable[Attestation], committed: Iterable[Attestation]
) -> Iterable[ExaminedSignature]:
    for each in found:
        void = None if each in committed else "valid, and not in the ledger: it does not count"
        yield ExaminedSignature(each.place, each.refused or void)
