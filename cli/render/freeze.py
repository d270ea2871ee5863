"""Render the answers of commands that write a record at once."""

from cli.output import Answer
from cli.render.common import operator_line, record_lines, refused_lines, trace_line
from cli.render.table import when
from engine.domain.result import Ending
from engine.domain.text import printable
from engine.domain.waiver import waiver_key
from engine.responses.freeze import (
    AcknowledgeResponse,
    FreezeResponse,
    LockResponse,
    ReleaseResponse,
    RestoreResponse,
    ReviewResponse,
    RotateResponse,
    UnlockResponse,
    UnwaiveResponse,
)

NOT_DONE = {
    "lock": "Not locked",
    "unlock": "Not unlocked",
    "restore": "Not restored",
    "acknowledge": "Not acknowledged",
    "rotate": "Keys not rotated",
    "release": "Not released",
    "unwaive": "Waiver not ended",
    "review": "Not reviewed",
}


def render(verb: str, response: FreezeResponse, *, verified: bool) -> Answer:
    """`verified` says whether the operator's identity was verified."""
    trace = trace_line(response.trace_id)
    if response.error:
        lines = [*refused_lines(NOT_DONE[verb], response), trace]
        return Answer(response, lines, response.error.exit_code, failed=True)
    done = _done(response, verified=verified)
    return Answer(response, [*done, trace], warnings=response.warnings)


def _done(response: FreezeResponse, *, verified: bool) -> list[str]:
    if isinstance(response, ReleaseResponse):
        return _released(response, verified=verified)
    if isinstance(response, LockResponse | UnlockResponse):
        return _locked(response, verified=verified)
    if isinstance(response, RestoreResponse):
        return _restored(response, verified=verified)
    if isinstance(response, AcknowledgeResponse):
        return _acknowledged(response, verified=verified)
    if isinstance(response, RotateResponse):
        return _rotated(response, verified=verified)
    if isinstance(response, UnwaiveResponse):
        return _unwaived(response, verified=verified)
    return _reviewed(response, verified=verified)


def _locked(response: LockResponse | UnlockResponse, *, verified: bool) -> list[str]:
    if isinstance(response, LockResponse):
        verb, record = "lock", response.lock_id
        until = when(response.expires_at) if response.expires_at else "it is unlocked"
        about = [f"  Until: {until}"]
    else:
        verb, record = "unlock", response.unlock_id
        about = [f"  Was locked by: {printable(response.locked_by or '')}"]
        about.append(f"  Because of: {printable(response.locked_reason or '')}")
    if record is None:
        return [f"Unchanged: environment '{response.environment}' is not locked"]
    return [
        f"Environment '{response.environment}' is now {verb}ed",
        f"  Reason: {printable(response.reason)}",
        *about,
        operator_line(response.operator, verified=verified),
        *record_lines(record, response.anchor),
    ]


def _reviewed(response: ReviewResponse, *, verified: bool) -> list[str]:
    verdict = "accepted" if response.accepted else "objected to"
    return [
        f"Reviewed: the break-glass for {printable(response.incident or '')} is {verdict}",
        f"  Reason: {printable(response.reason)}",
        operator_line(response.operator, verified=verified),
        *record_lines(response.review_id, response.anchor),
    ]


def _restored(response: RestoreResponse, *, verified: bool) -> list[str]:
    tag = f"latest-{response.environment}"
    if response.restore_id is None:
        if response.outcome is Ending.RESTORED:
            return [f"Restored: {tag} follows the ledger"]
        return [f"Unchanged: {tag} matches the ledger"]
    before = response.previous_version or (response.previous_digest or "nothing")[:19]
    return [
        f"Restored: {tag} points to {printable(response.version or '')} again",
        f"  Was deployed: {printable(before)}, moved outside floe",
        *([f"  Reason: {printable(response.reason)}"] if response.reason else []),
        operator_line(response.operator, verified=verified),
        *record_lines(response.restore_id, response.anchor),
    ]


def _acknowledged(response: AcknowledgeResponse, *, verified: bool) -> list[str]:
    place = f"number {response.void_sequence} of {response.environment}"
    if response.acknowledge_id is None:
        return [f"Unchanged: {place} was acknowledged before"]
    return [
        f"Acknowledged: {place} does not count ({response.void_digest})",
        f"  Reason: {printable(response.reason)}",
        operator_line(response.operator, verified=verified),
        *record_lines(response.acknowledge_id, response.anchor),
    ]


def _released(response: ReleaseResponse, *, verified: bool) -> list[str]:
    version, place = printable(response.version), response.environment
    if response.release_id is None:
        return [f"Unchanged: {version} is not quarantined in {place}"]
    return [
        f"Released: {version} may be promoted to {place} again",
        f"  Reason: {printable(response.reason)}",
        operator_line(response.operator, verified=verified),
        *record_lines(response.release_id, response.anchor),
    ]


def _rotated(response: RotateResponse, *, verified: bool) -> list[str]:
    if response.rotate_id is None:
        return [f"Unchanged: the keys of {response.environment} were rotated before"]
    return [
        f"Rotated: the keys of {response.environment}",
        *(f"  Trusted from now on: {key_id}" for key_id in response.add),
        *(f"  Retired: {key_id}" for key_id in response.retire),
        *([f"  Reason: {printable(response.reason)}"] if response.reason else []),
        operator_line(response.operator, verified=verified),
        *record_lines(response.rotate_id, response.anchor),
    ]


def _unwaived(response: UnwaiveResponse, *, verified: bool) -> list[str]:
    subject = waiver_key(response.vulnerability, response.package)
    if response.unwaive_id is None:
        return [f"Unchanged: {printable(subject)} is not waived in {response.environment}"]
    return [
        f"Ended: the waiver of {printable(subject)} in {response.environment}",
        f"  Waived by: {printable(response.waived_by or '')}",
        f"  Reason: {printable(response.reason)}",
        operator_line(response.operator, verified=verified),
        *record_lines(response.unwaive_id, response.anchor),
    ]
