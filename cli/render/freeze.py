"""The end of a lock, an unlock or a restore, as JSON and as the lines people look for."""

from cli.errors import failure_lines
from cli.output import Answer
from cli.render.common import (
    operator_line,
    refused_lines,
    trace_line,
)
from cli.render.status import when
from cli.render.told import ToldFreeze
from engine.domain.errors import PromotionError
from engine.domain.result import Result
from engine.domain.text import printable
from engine.responses.common import Document, error_document
from engine.responses.freeze import AskedFreeze, blank, freeze_document

_DONE = {"lock": "locked", "unlock": "unlocked", "restore": "restored"}


def failure(asked: AskedFreeze, error: PromotionError) -> Answer:
    document = blank(asked) | {"error": error_document(error)}
    lines = [*failure_lines(f"Not {_DONE[asked.verb]}", error), trace_line(asked.trace_id)]
    return Answer(document, lines, error.exit_code, failed=True)


def rendered(asked: AskedFreeze, result: Result) -> Answer:
    verified = result.record.identity_verified if result.record else False
    return told(asked.verb, freeze_document(asked, result), verified=verified)


def told(verb: str, document: Document, *, verified: bool) -> Answer:
    """What `document` says of `verb`; `verified` is whether its operator was."""
    said = ToldFreeze.model_validate(document)
    if said.error:
        lines = [*refused_lines(f"Not {_DONE[verb]}", said), trace_line(said.trace_id)]
        return Answer(document, lines, said.exit_code, failed=True)
    done = (
        _restored(said, verified=verified)
        if verb == "restore"
        else _done(verb, said, verified=verified)
    )
    return Answer(document, [*done, trace_line(said.trace_id)], warnings=said.warnings)


def _done(verb: str, said: ToldFreeze, *, verified: bool) -> list[str]:
    if said.lock_id:
        until = when(said.expires_at) if said.expires_at else "it is unlocked"
        about = [f"  Until: {until}"]
    elif said.unlock_id:
        about = [f"  Was locked by: {printable(said.locked_by or '')}"]
        about.append(f"  Because of: {printable(said.locked_reason or '')}")
    else:
        return [f"Unchanged: environment '{said.environment}' is not locked"]
    return [
        f"Environment '{said.environment}' is now {verb}ed",
        f"  Reason: {printable(said.reason)}",
        *about,
        operator_line(said.operator or "", verified=verified),
        f"  Record: {said.lock_id or said.unlock_id}",
    ]


def _restored(said: ToldFreeze, *, verified: bool) -> list[str]:
    tag = f"latest-{said.environment}"
    if said.restore_id is None:
        if said.outcome == "restored":
            return [f"Restored: {tag} follows the ledger"]
        return [f"Unchanged: {tag} is what the ledger says"]
    before = said.previous_version or (said.previous_digest or "nothing")[:19]
    return [
        f"Restored: {tag} points to {printable(said.version or '')} again",
        f"  Was deployed: {printable(before)}, moved outside floe",
        *([f"  Reason: {printable(said.reason)}"] if said.reason else []),
        operator_line(said.operator or "", verified=verified),
        f"  Record: {said.restore_id}",
    ]
