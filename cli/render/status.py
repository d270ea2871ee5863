"""Render the answer of `status`."""

from collections.abc import Callable, Sequence

from pydantic import ValidationError

from cli.output import Answer
from cli.render.table import show, when
from engine.domain.break_glass import OpenReview
from engine.domain.errors import PromotionError, RegistryError
from engine.domain.product import UNNAMED, with_product
from engine.domain.record import AnyRecord
from engine.domain.state import LockState, list_quarantines
from engine.domain.status import Alignment
from engine.domain.text import printable
from engine.responses.change import ChangeResponse
from engine.responses.common import ErrorInfo
from engine.responses.product import ProductResponse, ProductsResponse
from engine.responses.record import RecordResponse
from engine.responses.status import EnvironmentHistoryResponse, EnvironmentResponse, LastStatus


def with_history(
    row: EnvironmentResponse, read: Callable[[], Sequence[RecordResponse]]
) -> EnvironmentHistoryResponse:
    """`row` with its history, or with the error that prevented reading it."""
    history, error = None, row.error
    if error is None:
        try:
            history = tuple(read())
        except RegistryError as unavailable:
            error = ErrorInfo.of(unavailable)
    return EnvironmentHistoryResponse(**(dict(row) | {"history": history, "error": error}))


def render_status(rows: Sequence[EnvironmentResponse]) -> Answer:
    """Fails when no environment can be read."""
    errors = [row.error for row in rows if row.error]
    code = errors[0].exit_code if errors and len(errors) == len(rows) else 0
    lines = status_table(rows)
    histories = [row.history for row in rows if isinstance(row, EnvironmentHistoryResponse)]
    if histories:
        found = [each for history in histories for each in history or ()]
        newest = sorted(found, key=lambda each: each.record.at, reverse=True)
        lines += ["", *history_table(newest)]
    return Answer(list(rows), lines, code, warnings=_intrusions(rows))


def render_products(products: Sequence[ProductResponse], trace_id: str) -> Answer:
    """Fails when no environment of any product can be read."""
    rows = [row for each in products for row in each.environments]
    errors = [each.error for each in products if each.error] + [r.error for r in rows if r.error]
    code = errors[0].exit_code if errors and all(row.error for row in rows) else 0
    table = [line for each in products for line in _product_rows(each)]
    warnings = [
        with_product(each, product.product or UNNAMED)
        for product in products
        for each in _intrusions(product.environments)
    ]
    heads = ("PRODUCT", "ENVIRONMENT", "VERSION", "DIGEST", "BY", "SINCE", "NOTES")
    response = ProductsResponse.build(
        success=not code, products=products, trace_id=trace_id, error=errors[0] if code else None
    )
    return Answer(response, show(heads, table), code, warnings=tuple(warnings))


def _product_rows(product: ProductResponse) -> list[tuple[str, ...]]:
    name = product.product or ""
    if product.error is not None:
        note = printable(f"{product.state}: {product.error.message}").partition("\n")[0]
        return [(name, "-", "?", "-", "-", "-", with_product(note, name))]
    rows = map(_status_row, product.environments)
    return [(name, *(with_product(cell, name) for cell in row)) for row in rows]


def _intrusions(rows: Sequence[EnvironmentResponse]) -> tuple[str, ...]:
    found = [(row.environment, each) for row in rows for each in row.intrusions]
    return tuple(f"{each}: floe platform audit verify --env {name}" for name, each in found)


def last_read_lines(error: PromotionError, environment: str | None) -> list[str]:
    """The status that a server read last, and when, while it cannot read the registry."""
    try:
        last = LastStatus.model_validate(error.details)
    except ValidationError:
        return []
    rows = [row for row in last.last_known if environment in (None, row.environment)]
    versions = [f"{row.environment} {row.version or '-'}" for row in rows]
    return [f"Last read {when(last.read_at)}: {', '.join(versions)}"] if versions else []


def status_table(rows: Sequence[EnvironmentResponse]) -> list[str]:
    heads = ("ENVIRONMENT", "VERSION", "DIGEST", "BY", "SINCE", "NOTES")
    return show(heads, [_status_row(row) for row in rows])


def history_table(records: Sequence[RecordResponse]) -> list[str]:
    heads = ("WHEN", "KIND", "ENVIRONMENT", "VERSION", "BY", "RECORD")
    return show(heads, [_history_row(each) for each in records])


def _status_row(row: EnvironmentResponse) -> tuple[str, ...]:
    # The operator of the version that should run did not deploy the version that does.
    by, since = (None, None) if row.drifted else (row.operator, row.since)
    behind = [f"{each.registry}: {each.error}" for each in row.registry_sync if each.error]
    notes = [
        f"after {row.after}" if row.after else "",
        _alignment(row),
        _locked(row.lock),
        printable(row.window.note) if row.window else "",
        *map(printable, list_quarantines(row.quarantined)),
        *map(_review, row.reviews),
        printable((row.health and row.health.summary) or ""),
        *map(_in_flight, row.pending or ()),
        *map(printable, behind),
    ]
    return (
        row.environment,
        printable(_version_shown(row)),
        (row.latest_digest or "-")[:19],
        printable(by or "-"),
        when(since),
        "; ".join(note for note in notes if note),
    )


def _alignment(row: EnvironmentResponse) -> str:
    if row.error is not None:
        return printable(f"error: {row.error.message}")
    match row.alignment:
        case Alignment.DRIFTED:
            return f"drifted: {row.deviation}: floe platform restore --env {row.environment}"
        case Alignment.COMPLETING:
            return f"completing: {row.deviation}"
        case Alignment.EMPTY if not row.published_version:
            return "nothing promoted yet"
        case Alignment.EMPTY | Alignment.UNRECORDED:
            return "published by the build"
        case _:
            return ""


def _version_shown(row: EnvironmentResponse) -> str:
    if row.alignment in (Alignment.DRIFTED, Alignment.COMPLETING, Alignment.UNKNOWN):
        return row.deployed_version or "?"
    return row.version or row.published_version or "-"


def _in_flight(change: ChangeResponse) -> str:
    verbs = {"rollback": "rolling back to", "waive": "waiving"}
    verb = verbs.get(change.action, "promoting")
    given = f", {change.required - change.missing_approvals} of {change.required} approvals"
    state = change.state.replace("_", " ") + (given if change.required else "")
    return printable(f"{verb} {change.version}: {state} ({change.change_id})")


def _review(review: OpenReview) -> str:
    return printable(
        f"break-glass for {review.incident} by {review.operator} needs a review until "
        f"{when(review.due)}: {review.command}"
    )


def _locked(lock: LockState | None) -> str:
    if lock is None:
        return ""
    until = f" until {when(lock.expires_at)}" if lock.expires_at else ""
    return f"locked by {printable(lock.operator)}{until}: {printable(lock.reason)}"


def _history_row(response: RecordResponse) -> tuple[str, ...]:
    record = response.record
    return (
        when(record.at),
        record.kind,
        response.environment,
        _version(record),
        printable(record.operator),
        record.id,
    )


def _version(record: AnyRecord) -> str:
    """The version of a record; locks have none, nor have some refusals."""
    return printable(record.subject_version or "-")
