"""The commands of `floe platform`, each as what the server is asked and how it is answered."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from cli.output import Answer
from cli.progress import TerminalProgress
from cli.remote import responses
from cli.remote.address import address_of, token_of
from cli.remote.client import Api
from cli.remote.errors import absent, known
from cli.remote.follow_change import Following, output_of
from cli.remote.pagination import records
from cli.render import audit, freeze, promotion, rollback, signature, sync, webhooks
from cli.render import change as changes
from cli.render.entry import Entry
from cli.render.status import status_answer, with_history
from engine.domain.change import Change, ChangeState
from engine.domain.gate import GateKind
from engine.domain.overrides import Overrides
from engine.domain.text import reason_text
from engine.responses.change import change_document, promotion_of, rollback_of
from engine.responses.common import error_document
from engine.responses.freeze import AskedFreeze
from engine.responses.promotion import Asked
from engine.responses.rollback import AskedRollback

Json = Any
_LARGEST_PAGE = 500


@contextmanager
def asking(address: str, token: str, trace_id: str) -> Iterator["Commands"]:
    """The server at `address`, asked as the holder of `token`."""
    place, shown = address_of(address), token_of(token)
    with closing(Api(place, shown, trace_id)) as api:
        try:
            yield Commands(api, trace_id)
        except (responses.StrangeAnswerError, ValidationError) as error:
            raise api.strange(str(error).partition("\n")[0]) from error


@dataclass(frozen=True)
class Commands:
    """Implements `cli.remote.selection.Server`."""

    api: Api
    trace_id: str

    def promote(self, asked: Asked, run_gates: bool, wait_seconds: int) -> Answer:
        body: dict[str, Json] = {
            "version": asked.version,
            "from": asked.source,
            "to": asked.target,
            **_overrides(asked.overrides),
        }
        if asked.dry_run:
            dry = body | {"dry_run": True, "run_gates": run_gates}
            document = self.api.order("promotions", dry, answers=_judged, long=run_gates)
            return responses.told(promotion.told_dry_run, document)
        change = self._submitted("promotions", body, wait_seconds)
        asked = Asked(change.version, change.source, change.target, False, asked.trace_id)
        if change.required:
            return changes.rendered_promotion(asked, change)
        return promotion.told_run(promotion_of(asked, change), verified=True)

    def roll_back(self, asked: AskedRollback, wait_seconds: int) -> Answer:
        body = {
            "version": asked.version,
            "environment": asked.environment,
            "reason": asked.reason,
        }
        if asked.dry_run:
            document = self.api.order("rollbacks", body | {"dry_run": True}, answers=_judged)
            return responses.told(rollback.told_dry_run, document)
        change = self._submitted("rollbacks", body, wait_seconds)
        reason = change.reason or asked.reason
        asked = AskedRollback(change.version, change.target, reason, False, asked.trace_id)
        if change.required:
            return changes.rendered_rollback(asked, change)
        return rollback.told_run(rollback_of(asked, change), verified=True)

    def freeze(self, asked: AskedFreeze, duration: str | None) -> Answer:
        restoring = asked.verb == "restore" and not asked.reason
        body = {} if restoring else {"reason": asked.reason}
        body |= {"for": duration} if duration is not None else {}
        path = f"environments/{_part(asked.environment)}/{asked.verb}"
        document = self.api.order(path, body, answers=_judged)

        def render(said: Json) -> Answer:
            return freeze.told(asked.verb, said, verified=True)

        return responses.told(render, document)

    def approve(self, change_id: str, reason: str | None) -> Answer:
        with absent(change_id):
            self.api.post(f"changes/{_part(change_id)}/approve", _why(reason))
        return changes.rendered(Following(self.api, change_id, TerminalProgress()).settled())

    def reject(self, change_id: str, reason: str) -> Answer:
        said = reason_text(reason)
        with absent(change_id):
            document = self.api.post(f"changes/{_part(change_id)}/reject", {"reason": said})
        return changes.rejected(document, responses.change(document), reason)

    def cancel(self, change_id: str, reason: str | None) -> Answer:
        with absent(change_id):
            document = self.api.post(f"changes/{_part(change_id)}/cancel", _why(reason))
        return changes.cancelled(document, responses.change(document))

    def changes(self, everything: bool, limit: int) -> Answer:
        found: list[Change] = []
        while len(found) < limit:
            size = min(limit - len(found), _LARGEST_PAGE)
            before = found[-1].id if found else None
            state = "all" if everything else "open"
            query = {"state": state, "limit": str(size), "before": before}
            page = responses.items(self.api.get("changes", query))
            found += map(responses.change, page)
            if not everything or len(page) < size:
                break
        return Answer([change_document(c) for c in found], changes.changes_table(tuple(found)))

    def show(self, change_id: str, gate: GateKind | None) -> Answer:
        if gate is None:
            with absent(change_id):
                return changes.shown(responses.change(self.api.get(f"changes/{_part(change_id)}")))
        return changes.gate_output(change_id, gate, output_of(self.api, change_id, gate))

    def status(self, environment: str | None, history: int | None) -> Answer:
        documents = responses.items(self.api.get("status"))
        rows = [responses.status(document) for document in documents]
        if environment is not None:
            known([row.name for row in rows], environment)
        shown = [
            pair
            for pair in zip(rows, documents, strict=True)
            if environment in (None, pair[0].name)
        ]
        pending = [responses.pending(document) for _, document in shown]
        if history is None:
            return status_answer([r for r, _ in shown], [d for _, d in shown], pending, None)
        read = [with_history(row, partial(self._history, row.name, history)) for row, _ in shown]
        documents = [
            document | {"error": error_document(row.error) if row.error else None}
            for (_, document), (row, _) in zip(shown, read, strict=True)
        ]
        return status_answer([row for row, _ in read], documents, pending, [h for _, h in read])

    def _history(self, environment: str, limit: int) -> tuple[Entry, ...]:
        return tuple(records(self.api, {"environment": environment}, limit))

    def sync(self, environment: str | None) -> Answer:
        body = {"environment": environment} if environment is not None else {}
        document = self.api.order("sync", body, answers=_repaired, long=True)
        return responses.told(sync.told, document)

    def webhooks(self, redeliver: str | None) -> Answer:
        if redeliver is None:
            return responses.told(webhooks.told, self.api.get("webhooks"))
        return responses.told(webhooks.told, self.api.post("webhooks", {"redeliver": redeliver}))

    def signature(self, version: str, environment: str | None) -> Answer:
        path = f"artifacts/{_part(version)}/signature"
        return responses.told(signature.told, self.api.get(path, {"environment": environment}))

    def audit(self, environment: str | None, strict: bool) -> Answer:
        document = self.api.get("audit", {"environment": environment}, long=True)
        report = responses.audit(document)
        names = {each.environment for each in report.environments}
        if not names or environment not in (None, *names):
            # What was not looked at is not sound.
            raise responses.StrangeAnswerError("an audit that leaves environments out")
        return audit.verified(report.strict() if strict else report, self.trace_id)

    def history(
        self, filters: Mapping[str, str | None], limit: int | None, as_lines: bool
    ) -> Answer:
        found = records(self.api, filters, limit)
        if as_lines:
            return audit.written(found)
        return audit.listed(list(found), limit, self.trace_id)

    def _submitted(self, path: str, body: Mapping[str, Json], wait_seconds: int) -> Change:
        document = self.api.order(path, body, answers=_taken_up)
        change_id = responses.change_id(document)
        change = Following(self.api, change_id, TerminalProgress()).settled(wait_seconds)
        if change.state is ChangeState.FAILED and not change.findings:
            # What was asked for could not even be judged.
            raise responses.failed(change)
        return change


def _overrides(asked: Overrides) -> dict[str, Json]:
    """Only what is asked for; the server says what is wrong with a reason alone."""
    fields = asdict(asked)
    return {name: value for name, value in fields.items() if value}


def _judged(document: Json) -> bool:
    """Whether a refusal has findings, and so is an answer."""
    return isinstance(document, dict) and bool(document.get("findings"))


def _repaired(document: Json) -> bool:
    """Whether a failure says what became of each secondary."""
    return isinstance(document, dict) and bool(document.get("registries"))


def _taken_up(document: Json) -> bool:
    """Whether there is a change to follow, whatever became of it."""
    return isinstance(document, dict) and bool(document.get("change_id"))


def _part(text: str) -> str:
    """One segment of a path, whatever is in it; what is no text names nothing there."""
    return quote(text, safe="", errors="replace")


def _why(reason: str | None) -> dict[str, str] | None:
    return None if reason is None else {"reason": reason}
