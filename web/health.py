"""Health, readiness and metrics."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryFile

from flask import Blueprint, Response, jsonify, request

from engine.domain.errors import PromotionError
from web.site import Site, the_site

_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# A page of a database and its journal.
_PROBE_BYTES = 16 * 1024

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
    site = the_site()
    seen = site.board.look()
    said = {
        "registry": str(seen.error) if seen.error else None,
        "store": str(seen.store_error) if seen.store_error else None,
        "state": _unwritable(site.state_dir),
        **(
            {"sign_in": site.provider.trouble(site.platform.engine.submit)} if site.provider else {}
        ),
        **{name: check() for name, check in site.checks.items()},
    }
    ignored = request.args.getlist("exclude")
    good = not any(why for name, why in said.items() if name not in ignored)
    parts = {name: {"ready": not why, "why": why} for name, why in said.items()}
    return jsonify({"ready": good, "parts": parts}), 200 if good else 503


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
    """Return metrics in Prometheus text format; environments are the only names in it."""
    ours = "".join(f"{line}\n" for line in _lines(the_site()))
    return Response(ours + the_site().metrics(), content_type=_TYPE)


def _lines(site: Site) -> Iterator[str]:
    seen = site.board.look()
    yield from _gauge(
        "floe_registry_up", "Whether the registry answered.", {"": float(seen.error is None)}
    )
    yield from _gauge(
        "floe_environment_locked",
        "Whether promotions to an environment are stopped.",
        {_label(environment=r.name): float(r.lock is not None) for r in seen.rows if r.known},
    )
    yield from _gauge(
        "floe_environment_drifted",
        "Whether the latest tag differs from the ledger.",
        {_label(environment=r.name): float(r.drifted) for r in seen.rows if r.known},
    )
    yield from _gauge(
        "floe_environment_readable",
        "Whether the ledger and the latest tag of an environment can be read.",
        {_label(environment=row.name): float(row.error is None) for row in seen.rows},
    )
    yield from _gauge("floe_changes_open", "Changes in flight, by state.", _open(site))
    yield from _gauge("floe_watchers", "Browsers that follow events.", {"": site.feed.watching})
    try:
        counted = site.records.store.count()
    except PromotionError:
        return
    yield from _series(
        "floe_records_total",
        "Records of the ledgers that have been read, by kind.",
        "counter",
        {_label(environment=name, kind=kind): n for (name, kind), n in counted.items()},
    )


def _open(site: Site) -> dict[str, float]:
    counts: dict[str, float] = {}
    seen = site.board.look()
    for change in () if seen.store_error else seen.pending:
        label = _label(environment=change.target, state=change.state.value)
        counts[label] = counts.get(label, 0) + 1
    return counts


def _gauge(name: str, help_text: str, values: Mapping[str, float]) -> Iterator[str]:
    return _series(name, help_text, "gauge", values)


def _series(name: str, help_text: str, kind: str, values: Mapping[str, float]) -> Iterator[str]:
    yield f"# HELP {name} {help_text}"
    yield f"# TYPE {name} {kind}"
    for label, value in sorted(values.items()):
        yield f"{name}{label} {value:g}" if value < 1e6 else f"{name}{label} {value:.0f}"


def _label(**labels: str) -> str:
    inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inner}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
