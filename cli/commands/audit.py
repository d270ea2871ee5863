"""The commands of `floe platform audit`."""

import os
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path

import click

from cli import completions, options
from cli.output import Answer, deliver
from cli.progress import TerminalProgress
from cli.remote.selection import through_server
from cli.render.audit import (
    render_audit,
    render_checkpoints,
    render_export,
    render_history,
    write_lines,
)
from cli.render.common import failure
from engine.bootstrap import AUDIT, open_reading_engine
from engine.config import ProductChoice
from engine.domain.errors import PromotionError
from engine.domain.parsing import parse_version
from engine.domain.record import RECORD_KINDS
from engine.domain.selection import (
    Selection,
    parse_anchor,
    parse_digest_prefix,
    parse_search,
    parse_time,
)
from engine.domain.trace import trace_id
from engine.responses.audit import AcceptResponse, AuditResponse
from engine.responses.checkpoints import CheckpointInfo, CheckpointsResponse, ExportResponse
from engine.responses.common import ErrorInfo, Response
from engine.responses.record import HistoryResponse, RecordResponse

Filters = Mapping[str, str | None]
_environment = click.option(
    "--env", "environment", help="Only this environment.", shell_complete=completions.environments
)


@click.command()
@_environment
@click.option(
    "--policy",
    type=click.Choice(["any", "current"]),
    default="any",
    show_default=True,
    help="`current`: report records of another configuration as problems.",
)
@click.option(
    "--anchor",
    "anchors",
    multiple=True,
    metavar="ENV#N=DIGEST",
    help="An entry that the ledger must contain, as printed when it was made; repeatable.",
)
@click.option("--full", is_flag=True, help="Read all entries, also those that a checkpoint proves.")
@click.option(
    "--from",
    "directory",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Verify an export in this directory, without registry and manifest.",
)
@click.option(
    "--key",
    "keys",
    multiple=True,
    help="With --from: a file with a public key of the log or of its entries (PEM) or with the "
    "certificates of a timestamp authority, or a verifier key of the log or of a witness; "
    "repeatable.",
    metavar="KEY",
)
@options.output
@options.manifest
def verify(
    environment: str | None,
    policy: str,
    anchors: tuple[str, ...],
    full: bool,
    directory: Path | None,
    keys: tuple[str, ...],
    output: str,
    manifest: ProductChoice,
) -> None:
    """
    Report ledger entries and tags that were altered, moved or removed.

    Exit code 0 for sound ledgers, 1 with problems, 5 if the ledgers cannot be read.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    strict = policy == "current"
    if directory is None and keys:
        raise click.UsageError("--key needs --from DIR")
    if directory is not None and (environment or strict):
        raise click.UsageError("--from verifies a whole export: leave out --env and --policy")
    if directory is not None:
        ask = partial(_verify_export, directory, keys, anchors, trace)
    else:
        ask = partial(_verify, environment, strict, anchors, full, trace, manifest)
    deliver(output, ask, partial(_failure, AuditResponse, trace))


@click.command()
@_environment
@options.output
@options.manifest
def checkpoint(environment: str | None, output: str, manifest: ProductChoice) -> None:
    """
    Sign the ledgers as they are now, and print the signed checkpoints.

    Each is a signed note (C2SP) over all entries of an environment. The key is
    ledger.checkpoint.key.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    ask = partial(_checkpoint, environment, trace, manifest)
    deliver(output, ask, partial(_failure, CheckpointsResponse, trace))


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@_environment
@options.output
@options.manifest
def export(directory: Path, environment: str | None, output: str, manifest: ProductChoice) -> None:
    """
    Write the ledgers into DIRECTORY, for verification without the registry.

    DIRECTORY must be new or empty. Each environment gets a directory with its log as tiles (C2SP),
    the records, a checkpoint and the keys that verify it.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    ask = partial(_export, directory, environment, trace, manifest)
    deliver(output, ask, partial(_failure, ExportResponse, trace))


@click.command()
@options.words(environment="ENV")
@_environment
@click.option("--version", help="Only records of this version.")
@click.option("--digest", help="Only records of this artifact; the first digits suffice.")
@click.option("--operator", type=options.Text(), help="Only records of this person or job.")
@click.option("--kind", type=click.Choice(RECORD_KINDS), help="Only records of this kind.")
@click.option("--since", help="2026-09-01, 2026-09-01T12:00 (UTC), or an age: 2h, 7d.")
@click.option("--until", help="Only records before this time, like --since.")
@click.option(
    "--search",
    type=options.Text(),
    help="A part of a version, digest, record ID, or of the name of a person or job.",
)
@click.option(
    "--limit",
    type=click.IntRange(0, 10_000_000),
    default=50,
    show_default=True,
    help="0: no limit.",
)
@options.quiet
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json", "jsonl"]),
    default="table",
    show_default=True,
    help="Output for people, JSON, or one JSON record per line.",
)
@options.manifest
def history(limit: int, output: str, manifest: ProductChoice, **filters: str | None) -> None:
    """Show the records of the ledgers, newest first."""
    trace = trace_id(os.environ.get("TRACEPARENT"))
    ask = partial(_history, filters, limit or None, output == "jsonl", trace, manifest)
    deliver(output, ask, partial(_failure, HistoryResponse, trace))


@click.command()
@click.option(
    "--env",
    "environment",
    required=True,
    help="The environment of the ledger.",
    shell_complete=completions.environments,
)
@options.output
@options.manifest
def accept(environment: str, output: str, manifest: ProductChoice) -> None:
    """
    Accept a ledger that was restored from a backup.

    Nothing is written to a ledger that is older than the newest head seen by this state directory.
    This forgets that head: run it once you know why the ledger is shorter.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    ask = partial(_accept, environment, trace, manifest)
    deliver(output, ask, partial(_failure, AcceptResponse, trace))


def _accept(environment: str, trace: str, manifest: ProductChoice) -> Answer:
    with open_reading_engine(manifest) as engine:
        engine.accept_ledger(environment)
    response = AcceptResponse.build(success=True, environment=environment, trace_id=trace)
    return Answer(response, [f"The ledger of {environment} is accepted as it is"])


def _verify_export(
    directory: Path, keys: tuple[str, ...], anchors: tuple[str, ...], trace: str
) -> Answer:
    noted = [parse_anchor(each) for each in anchors]
    # Imported only for an export: cryptography is slow to import.
    exports = import_module("engine.bootstrap.checkpoints")
    report = exports.verify_exports(directory, keys, noted, TerminalProgress())
    return render_audit(AuditResponse.of(report, trace))


def _checkpoint(environment: str | None, trace: str, manifest: ProductChoice) -> Answer:
    with open_reading_engine(manifest, "ledger.checkpoint") as engine:
        made = [
            CheckpointInfo.of(each.checkpoint, each.stored.note, dict(each.refusals))
            for each in engine.make_checkpoints(environment)
        ]
    return render_checkpoints(CheckpointsResponse.of(made, trace))


def _export(
    directory: Path, environment: str | None, trace: str, manifest: ProductChoice
) -> Answer:
    with open_reading_engine(manifest) as engine:
        exported = engine.export(environment, directory, TerminalProgress())
    return render_export(ExportResponse.of(str(directory), exported, trace))


def _verify(
    environment: str | None,
    strict: bool,
    anchors: tuple[str, ...],
    full: bool,
    trace: str,
    manifest: ProductChoice,
) -> Answer:
    noted = [parse_anchor(each) for each in anchors]
    with through_server(trace, manifest) as server:
        if server:
            return server.audit(environment, strict, noted, full)
    with open_reading_engine(manifest, AUDIT) as engine:
        report = engine.verify(environment, TerminalProgress(), noted, full)
    response = AuditResponse.of(report, trace)
    return render_audit(response.strict() if strict else response)


def _history(
    filters: Filters, limit: int | None, as_lines: bool, trace: str, manifest: ProductChoice
) -> Answer:
    selection = _selection(filters)
    with through_server(trace, manifest) as server:
        if server:
            return server.history(filters, limit, as_lines)
    with (
        open_reading_engine(manifest) as engine,
        closing(engine.audit(selection, limit)) as entries,
    ):
        records = map(RecordResponse.of, entries)
        return write_lines(records) if as_lines else render_history(list(records), limit, trace)


def _failure(kind: type[Response], trace: str, error: PromotionError) -> Answer:
    response = kind.build(trace_id=trace, error=ErrorInfo.of(error))
    return failure("No answer", response, error, trace)


def _selection(filters: Filters) -> Selection:
    now = datetime.now(UTC)
    version, digest, since, until, search = (
        filters[name] for name in ("version", "digest", "since", "until", "search")
    )
    return Selection(
        environment=filters["environment"],
        version=parse_version(version) if version is not None else None,
        digest=parse_digest_prefix(digest) if digest is not None else None,
        operator=filters["operator"],
        kind=filters["kind"],
        since=parse_time(since, now) if since is not None else None,
        until=parse_time(until, now) if until is not None else None,
        search=parse_search(search) if search is not None else None,
    )
