"""What runs where, what happened, and what an audit found, as JSON."""

from collections.abc import Iterable

from engine.domain.artifact import Digest
from engine.domain.audit import AuditReport, EnvironmentAudit, Remark
from engine.domain.change import Change
from engine.domain.ledger import LedgerEntry
from engine.domain.record import AnyRecord
from engine.domain.status import EnvironmentStatus
from engine.domain.text import iso_time
from engine.responses.change import change_document
from engine.responses.common import Document, error_document


def status_document(
    status: EnvironmentStatus,
    pending: Iterable[Change] | None = (),
) -> Document:
    """`pending` is None where nobody knows what is in flight."""
    state = status.state
    # Unknown is neither yes nor no: a script that asks for either stops.
    drifted = status.drifted if status.known else None
    return {
        "environment": status.name,
        "version": state.version,
        "digest": state.digest,
        "record": state.record,
        "operator": state.operator,
        "since": iso_time(state.since) if state.since else None,
        "latest_digest": str(status.latest) if status.latest else None,
        "alignment": status.alignment.value,
        "drift": drifted,
        "drifted": drifted,
        "deployed_version": status.deployed_version,
        "deployed_digest": str(status.latest) if status.latest else None,
        "published_version": status.published,
        "expected_version": state.version,
        "expected_digest": state.digest,
        "locked": status.lock is not None if status.known or status.lock else None,
        "lock": status.lock.model_dump(mode="json") if status.lock else None,
        "registry_sync": [each.model_dump(mode="json") for each in status.registry_sync],
        "pending": None if pending is None else [change_document(each) for each in pending],
        "error": error_document(status.error) if status.error else None,
    }


def history_document(entry: LedgerEntry) -> Document:
    return record_document(entry.environment, entry.sequence, entry.digest, entry.record)


def record_document(environment: str, sequence: int, digest: Digest, record: AnyRecord) -> Document:
    """`digest` is that of its ledger entry."""
    return {
        "environment": environment,
        "sequence": sequence,
        "record_digest": str(digest),
        **record.model_dump(mode="json"),
    }


def audit_document(report: AuditReport, trace_id: str) -> Document:
    return {
        "success": report.sound,
        "environments": [_environment(found) for found in report.environments],
        "trace_id": trace_id,
        "error": None,
    }


def _environment(found: EnvironmentAudit) -> Document:
    return {
        "environment": found.environment,
        "entries": found.entries,
        "head": str(found.head) if found.head else None,
        "problems": [_remark(remark) for remark in found.problems],
        "notes": [_remark(remark) for remark in found.notes],
    }


def _remark(remark: Remark) -> Document:
    return {
        "kind": remark.kind.value,
        "environment": remark.environment,
        "sequence": remark.sequence,
        "tag": remark.tag,
        "message": remark.message,
    }
