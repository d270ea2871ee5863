"""Health, readiness and metrics."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile

from flask import Blueprint, Response, jsonify, request

from engine.domain.change import Change, ChangeState
from engine.domain.errors import PromotionError
from engine.domain.product import UNNAMED
from web.site import Shared, shared
from web.status_cache import Seen

_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# A page of a database and its journal.
_PROBE_BYTES = 16 * 1024
_WRONG = "its file is wrong"

health = Blueprint("health", __name__)


@health.get("/healthz")
def alive() -> Response:
    """Answer that the process is alive; /readyz checks its dependencies."""
    return jsonify({"status": "ok"})


@health.get("/readyz")
def ready() -> tuple[Response, int]:
    """
    Answer 503 while a dependency fails, with the reason of each.

    `?exclude=NAME` still reports that part, and answers 200 without it: a load balancer keeps
    servers that lost the same service, so that they can say so.
    """
    server = shared()
    seen = _seen(server)
    unusable = _unusable(seen)
    said = {
        # One product that works is enough: its people need this server.
        "registry": None if len(unusable) < len(seen) else _reasons(unusable),
        "store": _store_trouble(server, seen),
        "state": _unwritable(server.state_dir),
        **({"sign_in": server.provider.trouble(server.submit)} if server.provider else {}),
        **{name: check() for name, check in server.checks.items()},
    }
    ignored = request.args.getlist("exclude")
    good = not any(why for name, why in said.items() if name not in ignored)
    parts = {name: {"ready": not why, "why": why} for name, why in said.items()}
    answer: dict[str, object] = {"ready": good, "parts": parts}
    if server.products.several:
        # The reason may name people and rules; the page shows it to those who may see the product.
        answer["products"] = unusable | dict.fromkeys(server.products.broken, _WRONG)
    return jsonify(answer), 200 if good else 503


def _seen(server: Shared) -> dict[str, Seen]:
    """Return the rows of each product: of now, or where there are several the last ones."""
    return {
        name: site.board.last() if server.products.several else site.board.look()
        for name, site in server.sites.items()
    }


def _unusable(seen: Mapping[str, Seen]) -> dict[str, str]:
    """Return the products whose registry does not answer, and why."""
    return {
        name: str(each.error) if each.error else f"{name} has not been read yet"
        for name, each in seen.items()
        if each.error or each.at is None
    }


def _reasons(unusable: Mapping[str, str]) -> str:
    return "; ".join(unusable.values()) or "no product is open"


def _store_trouble(server: Shared, seen: Mapping[str, Seen]) -> str | None:
    if not server.products.several:
        error = seen[UNNAMED].store_error
        return str(error) if error else None
    try:
        server.products.store.open()
    except PromotionError as problem:
        return str(problem)
    return None


def _unwritable(folder: Path) -> str | None:
    """Return why the state directory cannot be written, or None."""
    try:
        with TemporaryFile(dir=folder) as file:
            file.write(bytes(_PROBE_BYTES))
            file.flush()
    except OSError as error:
        return f"{folder} cannot be written ({error.strerror}): free space or correct its rights"
    return None


@health.get("/metrics")
def metrics() -> Response:
    """Return metrics in Prometheus text format, with the names of environments and products."""
    server = shared()
    ours = "".join(f"{line}\n" for line in _lines(server))
    return Response(ours + server.metrics(), content_type=_TYPE)


def _lines(server: Shared) -> Iterator[str]:
    seen = {
        name: site.board.last() if server.products.several else site.board.glance()
        for name, site in server.sites.items()
    }
    rows = [(product, row) for product, each in seen.items() for row in each.rows]
    known = [(product, row) for product, row in rows if row.known]
    yield from _gauge(
        "floe_registry_up",
        "Whether the registry answered.",
        {_label(product): float(each.error is None) for product, each in seen.items()},
    )
    yield from _gauge(
        "floe_environment_locked",
        "Whether promotions to an environment are stopped.",
        {_label(product, environment=r.name): float(r.lock is not None) for product, r in known},
    )
    yield from _gauge(
        "floe_environment_drifted",
        "Whether the latest tag differs from the ledger.",
        {_label(product, environment=row.name): float(row.drifted) for product, row in known},
    )
    yield from _gauge(
        "floe_environment_readable",
        "Whether the ledger and the latest tag of an environment can be read.",
        {_label(product, environment=row.name): float(row.error is None) for product, row in rows},
    )
    yield from _changes(_pending(server, seen), server.now())
    yield from _gauge("floe_watchers", "Browsers that follow events.", {"": server.feed.watching})
    yield from _records(server)


def _records(server: Shared) -> Iterator[str]:
    try:
        counted = {
            _label(product, environment=name, kind=kind): number
            for product, site in server.sites.items()
            for (name, kind), number in site.records.store.count().items()
        }
    except PromotionError:
        return
    yield from _series(
        "floe_records_total",
        "Records of the ledgers that have been read, by kind.",
        "counter",
        counted,
    )


def _changes(pending: Sequence[Change], now: datetime) -> Iterator[str]:
    yield from _gauge("floe_changes_open", "Changes in flight, by state.", _open(pending))
    waiting = _waiting(pending, now)
    yield from _gauge(
        "floe_approvals_waiting",
        "Changes that wait for an approval.",
        {label: float(len(ages)) for label, ages in waiting.items()},
    )
    yield from _gauge(
        "floe_approvals_oldest_seconds",
        "Time since the oldest change that waits for an approval was requested.",
        {label: max(ages) for label, ages in waiting.items()},
    )


def _waiting(pending: Sequence[Change], now: datetime) -> dict[str, list[float]]:
    """Return the ages in seconds of the changes that wait for an approval."""
    ages: dict[str, list[float]] = {}
    for change in pending:
        if change.state is ChangeState.AWAITING_APPROVAL:
            label = _label(change.product, environment=change.target)
            age = max((now - change.created_at).total_seconds(), 0.0)
            ages.setdefault(label, []).append(age)
    return ages


def _open(pending: Sequence[Change]) -> dict[str, float]:
    counts: dict[str, float] = {}
    for change in pending:
        label = _label(change.product, environment=change.target, state=change.state.value)
        counts[label] = counts.get(label, 0) + 1
    return counts


def _pending(server: Shared, seen: Mapping[str, Seen]) -> tuple[Change, ...]:
    if not server.products.several:
        only = seen[UNNAMED]
        return () if only.store_error else only.pending
    try:
        return server.products.store.open()
    except PromotionError:
        return ()


def _gauge(name: str, help_text: str, values: Mapping[str, float]) -> Iterator[str]:
    return _series(name, help_text, "gauge", values)


def _series(name: str, help_text: str, kind: str, values: Mapping[str, float]) -> Iterator[str]:
    yield f"# HELP {name} {help_text}"
    yield f"# TYPE {name} {kind}"
    for label, value in sorted(values.items()):
        yield f"{name}{label} {value:g}" if value < 1e6 else f"{name}{label} {value:.0f}"


def _label(product: str, **labels: str) -> str:
    """Format labels; there is none for the product of a single manifest."""
    labels = {"product": product, **labels} if product else labels
    inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inner}}}" if inner else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
