"""What `sync` put right on the secondaries, as JSON."""

from engine.domain.mirroring import EnvironmentSync, SyncReport
from engine.responses.common import Document, error_document


def sync_document(report: SyncReport, trace_id: str) -> Document:
    error = report.error
    return {
        "success": error is None,
        "registries": [_row(each) for each in report.environments],
        "relisted": report.relisted,
        "trace_id": trace_id,
        "error": error_document(error) if error else None,
    }


def _row(row: EnvironmentSync) -> Document:
    return {
        "registry": row.registry,
        "environment": row.environment,
        "status": row.status.value,
        "changed": list(row.changed),
        "bytes_sent": row.sent,
        "errors": [str(error) for error in row.errors],
    }
