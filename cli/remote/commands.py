"""Run the commands of `floe platform` on a server."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from pydantic import ValidationError

from cli.output import Answer
from cli.progress import TerminalProgress
from cli.remote.address import address_of, address_text, product_here, token_of
from cli.remote.client import Api, quoted
from cli.remote.errors import absent, known
from cli.remote.follow_change import Following, output_of
from cli.remote.pagination import records
from cli.remote.request_bodies import fields_of_incident, fields_of_overrides, optional_reason
from cli.remote.responses import StrangeAnswerError, is_judged, lists_registries, names_change, read
from cli.render import audit, freeze, keys, promotion, rollback, signature, sync, waivers, webhooks
from cli.render import change as changes
from cli.render import versions as published
from cli.render.status import render_products, render_status, with_history
from engine.bootstrap.sign_in import server_token
from engine.domain.audit import Anchor
from engine.domain.change import ChangeState
from engine.domain.errors import UsageError
from engine.domain.gate import GateKind
from engine.domain.text import reason_text
from engine.responses.audit import AuditResponse
from engine.responses.change import ChangeResponse
from engine.responses.common import Response
from engine.responses.diff import VersionDiffResponse
from engine.responses.dora import DoraResponse
from engine.responses.freeze import FREEZE_RESPONSES, FreezeInput, FreezeResponse
from engine.responses.keys import RotationsResponse
from engine.responses.product import ProductResponse
from engine.responses.promotion import PromotionInput, PromotionResponse
from engine.responses.record import RecordResponse
from engine.responses.rollback import RollbackInput, RollbackResponse
from engine.responses.signature import SignatureResponse
from engine.responses.status import EnvironmentResponse, EnvironmentWindows
from engine.responses.sync import SyncResponse
from engine.responses.versions import VersionsResponse
from engine.responses.waivers import WaiveInput, WaiversResponse
from engine.responses.webhooks import WebhooksResponse

Json = Any
_LARGEST_PAGE = 500


@contextmanager
def asking(address: str, token: str, trace_id: str, product: str | None) -> Iterator["Commands"]:
    """Open the commands of the server for `product`, with `token` or that of `floe login`."""
    place = address_of(address)
    shown = token_of(token or server_token(address_text(place)))
    with closing(Api(place, shown, trace_id, product)) as api, _refusing_strange_answers(api):
        if product is None and (found := product_here()) in _products(api, found):
            api.choose(found)
        try:
            yield Commands(api, trace_id)
        except UsageError as error:
            names = _products(api, "") if api.product is None else ()
            if len(names) < 2:
                raise
            raise UsageError(
                f"{api.place} has {len(names)} products: name one with --product "
                f"({', '.join(names)})"
            ) from error


@contextmanager
def _refusing_strange_answers(api: Api) -> Iterator[None]:
    try:
        yield
    except (StrangeAnswerError, ValidationError) as error:
        raise api.strange(str(error).partition("\n")[0]) from error


def _products(api: Api, wanted: str | None) -> tuple[str, ...]:
    """The names of the server's products, if one is wanted; none with a single manifest."""
    if wanted is None:
        return ()
    rows = read(tuple[ProductResponse, ...], api.get("products"))
    return tuple(row.product for row in rows if row.product)


@dataclass(frozen=True)
class Commands:
    """Implements `cli.remote.selection.Server`."""

    api: Api
    trace_id: str

    def promote(self, typed: PromotionInput, run_gates: bool, wait_seconds: int) -> Answer:
        body: dict[str, Json] = {
            "version": typed.version,
            "from": typed.source,
            "to": typed.target,
            **fields_of_overrides(typed.overrides),
            **({"at": typed.at} if typed.at is not None else {}),
        }
        if typed.dry_run:
            dry = body | {"dry_run": True, "run_gates": run_gates}
            document = self.api.order("promotions", dry, answers=is_judged, long=run_gates)
            return promotion.render_dry_run(read(PromotionResponse, document))
        change = self._submitted("promotions", body, wait_seconds)
        typed = PromotionInput(change.version, change.source, change.target, False, typed.trace_id)
        return changes.render_promotion(typed, change)

    def roll_back(self, typed: RollbackInput, wait_seconds: int) -> Answer:
        body = typed.body | fields_of_incident(typed.incident)
        if typed.dry_run:
            document = self.api.order("rollbacks", body | {"dry_run": True}, answers=is_judged)
            return rollback.render_dry_run(read(RollbackResponse, document))
        change = self._submitted("rollbacks", body, wait_seconds)
        reason = change.reason or typed.reason
        typed = RollbackInput(change.version, change.target, reason, False, typed.trace_id)
        return changes.render_rollback(typed, change)

    def waive(self, typed: WaiveInput, wait_seconds: int) -> Answer:
        return changes.render_waived(self._submitted("waivers", asdict(typed), wait_seconds))

    def waivers(self, environment: str | None, *, openvex: bool) -> Answer:
        document = self.api.get("waivers", {"environment": environment})
        return waivers.render(read(WaiversResponse, document), openvex=openvex)

    def freeze(self, typed: FreezeInput, duration: str | None) -> Answer:
        restoring = typed.verb == "restore" and not typed.reason
        body: dict[str, Json] = {} if restoring else {"reason": typed.reason}
        body |= {"for": duration} if duration is not None else {}
        body |= {"sequence": typed.sequence} if typed.sequence is not None else {}
        if typed.verb == "unwaive":
            body |= {"vulnerability": typed.vulnerability, "package": typed.package}
        if typed.verb == "review":
            body |= {"record": typed.record, "accepted": typed.accepted}
        body |= {"version": typed.version} if typed.version is not None else {}
        return freeze.render(typed.verb, self._frozen(typed, body), verified=True)

    def _frozen(self, typed: FreezeInput, body: Mapping[str, Json]) -> FreezeResponse:
        path = f"environments/{quoted(typed.environment)}/{typed.verb}"
        path = "reviews" if typed.verb == "review" else path
        document = self.api.order(path, body, answers=is_judged)
        return read(FREEZE_RESPONSES[typed.verb], document)

    def rotate(self, typed: FreezeInput, environments: Sequence[str]) -> Answer:
        rows = read(tuple[EnvironmentResponse, ...], self.api.get("status"))
        body = {
            "add": [key.public_key for key in typed.add],
            "retire": [k if isinstance(k, str) else k.public_key for k in typed.retire],
            **(optional_reason(typed.reason or None) or {}),
        }
        names = environments or [row.environment for row in rows]
        rotate = partial(self._frozen, body=body)
        return keys.render_rotated(RotationsResponse.gather(typed, names, rotate), verified=True)

    def approve(self, change_id: str, reason: str | None) -> Answer:
        with absent(change_id):
            self.api.post(f"changes/{quoted(change_id)}/approve", optional_reason(reason))
        return changes.render_approved(Following(self.api, change_id, TerminalProgress()).settled())

    def reject(self, change_id: str, reason: str) -> Answer:
        said = reason_text(reason)
        with absent(change_id):
            document = self.api.post(f"changes/{quoted(change_id)}/reject", {"reason": said})
        return changes.render_rejected(read(ChangeResponse, document), reason)

    def cancel(self, change_id: str, reason: str | None) -> Answer:
        with absent(change_id):
            document = self.api.post(f"changes/{quoted(change_id)}/cancel", optional_reason(reason))
        return changes.render_cancelled(read(ChangeResponse, document))

    def reschedule(self, change_id: str, at: str) -> Answer:
        with absent(change_id):
            document = self.api.post(f"changes/{quoted(change_id)}/reschedule", {"at": at})
        return changes.render_approved(read(ChangeResponse, document))

    def changes(self, everything: bool, limit: int) -> Answer:
        found: list[ChangeResponse] = []
        while len(found) < limit:
            size = min(limit - len(found), _LARGEST_PAGE)
            before = found[-1].change_id if found else None
            state = "all" if everything else "open"
            query = {"state": state, "limit": str(size), "before": before}
            page = read(tuple[ChangeResponse, ...], self.api.get("changes", query))
            found += page
            if not everything or len(page) < size:
                break
        return changes.render_changes(found, self.trace_id)

    def show(self, change_id: str, gate: GateKind | None) -> Answer:
        if gate is None:
            with absent(change_id):
                document = self.api.get(f"changes/{quoted(change_id)}")
            return changes.render_shown(read(ChangeResponse, document))
        output = output_of(self.api, change_id, gate)
        return changes.render_output(change_id, gate, output, self.trace_id)

    def status(self, environment: str | None, history: int | None) -> Answer:
        rows = self._rows(environment)
        if history is not None:
            rows = [with_history(r, partial(self._history, history, r.environment)) for r in rows]
        return render_status(rows)

    def dora(self, since: str) -> DoraResponse:
        return read(DoraResponse, self.api.get("dora", {"since": since}))

    def diff(self, before: str, after: str) -> VersionDiffResponse:
        return read(VersionDiffResponse, self.api.get("diff", {"from": before, "to": after}))

    def versions(self, environment: str | None, limit: int, after: str | None) -> Answer:
        query = {"environment": environment, "limit": str(limit), "after": after}
        return published.render(
            read(VersionsResponse, self.api.get("versions", query)), environment, limit
        )

    def windows(self, environment: str | None) -> list[EnvironmentWindows]:
        rows = self._rows(environment)
        return [EnvironmentWindows(environment=r.environment, windows=r.windows) for r in rows]

    def _rows(self, environment: str | None) -> list[EnvironmentResponse]:
        rows = read(tuple[EnvironmentResponse, ...], self.api.get("status"))
        if environment is not None:
            known([row.environment for row in rows], environment)
        return [row for row in rows if environment in (None, row.environment)]

    def products(self) -> Answer:
        found = read(tuple[ProductResponse, ...], self.api.get("products"))
        return render_products(found, self.trace_id)

    def page(self, path: str) -> str:
        return self.api.page(path)

    def _history(self, limit: int, environment: str) -> tuple[RecordResponse, ...]:
        return tuple(records(self.api, {"environment": environment}, limit))

    def sync(self, environment: str | None, *, published: bool) -> Answer:
        body: dict[str, Any] = {"environment": environment} if environment is not None else {}
        # Servers of earlier versions refuse the key.
        body |= {"published": True} if published else {}
        document = self.api.order("sync", body, answers=lists_registries, long=True)
        return sync.render(read(SyncResponse, document))

    def webhooks(self, redeliver: str | None) -> Answer:
        api, body = self.api, {"redeliver": redeliver}
        document = api.get("webhooks") if redeliver is None else api.post("webhooks", body)
        return webhooks.render(read(WebhooksResponse, document))

    def signature(self, version: str, environment: str | None) -> Answer:
        asked = {"environment": environment}
        document = self.api.get(f"artifacts/{quoted(version)}/signature", asked)
        return signature.render(read(SignatureResponse, document), environment)

    def audit(
        self, environment: str | None, strict: bool, anchors: Sequence[Anchor], full: bool
    ) -> Answer:
        query = {
            "environment": environment,
            "anchors": ",".join(map(str, anchors)) or None,
            "full": "true" if full else None,
        }
        document = self.api.get("audit", query, long=True)
        response = read(AuditResponse, document)
        names = {each.environment for each in response.environments}
        if not names or environment not in (None, *names):
            # A ledger that was not audited must not count as sound.
            raise StrangeAnswerError("an audit that leaves environments out")
        return audit.render_audit(response.strict() if strict else response)

    def history(
        self, filters: Mapping[str, str | None], limit: int | None, as_lines: bool
    ) -> Answer:
        found, trace = records(self.api, filters, limit), self.trace_id
        shown = audit.render_history
        return audit.write_lines(found) if as_lines else shown(list(found), limit, trace)

    def _submitted(self, path: str, body: Mapping[str, Json], wait_seconds: int) -> ChangeResponse:
        document = self.api.order(path, body, answers=names_change)
        change_id = read(_Submitted, document).change_id
        change = Following(self.api, change_id, TerminalProgress()).settled(wait_seconds)
        if change.state is ChangeState.FAILED and not change.findings and change.error:
            # The request could not be judged.
            raise change.error.exception()
        return change


class _Submitted(Response):
    """The fields of a promotion or rollback answer that following the change needs."""

    change_id: str
