"""The commands `floe platform approve`, `reject`, `cancel` and `changes`."""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import click

from cli import completions, options, watching
from cli.commands.open import path_of, show_page
from cli.output import Answer, deliver
from cli.progress import TerminalProgress
from cli.remote.selection import through_server
from cli.render.change import (
    render_approved,
    render_cancelled,
    render_changes,
    render_output,
    render_rejected,
    render_shown,
)
from cli.render.common import exit_code, failure
from engine.bootstrap import AUDIT, open_command_platform
from engine.config import ProductChoice
from engine.domain.errors import PromotionError
from engine.domain.gate import GateKind
from engine.domain.scheduled_time import parse_scheduled_time
from engine.domain.text import reason_text
from engine.domain.trace import trace_id
from engine.responses.change import ChangeResponse, ChangesResponse
from engine.responses.common import FailureResponse

_INTERFACE = "cli"
_reason = click.option("--reason", help="A reason, shown with the change.")


@click.command()
@click.argument("change", type=options.Text(), shell_complete=completions.changes)
@_reason
@options.manifest
@options.output
def approve(change: str, reason: str | None, manifest: ProductChoice, output: str) -> None:
    """Approve CHANGE of another person. The last approval carries it out."""
    deliver(output, partial(_approve, change, reason, manifest), partial(_failure, "Not approved"))


@click.command()
@click.argument("change", type=options.Text(), shell_complete=completions.changes)
@options.words(reason="REASON")
@options.reason("The reason, which is recorded.")
@options.manifest
@options.output
def reject(change: str, reason: str, manifest: ProductChoice, output: str) -> None:
    """Reject CHANGE."""
    deliver(output, partial(_reject, change, reason, manifest), partial(_failure, "Not rejected"))


@click.command()
@click.argument("change", type=options.Text(), shell_complete=completions.changes)
@_reason
@options.manifest
@options.output
def cancel(change: str, reason: str | None, manifest: ProductChoice, output: str) -> None:
    """Cancel CHANGE."""
    deliver(output, partial(_cancel, change, reason, manifest), partial(_failure, "Not cancelled"))


@click.command()
@click.argument("change", type=options.Text(), shell_complete=completions.changes)
@click.option("--at", required=True, help="The new time, like 2026-12-01T09:00[Europe/Berlin].")
@options.manifest
@options.output
def reschedule(change: str, at: str, manifest: ProductChoice, output: str) -> None:
    """
    Carry CHANGE, which has a time, out at another one.

    If its requester moves it, its approvals are asked for again.
    """
    ask = partial(_reschedule, change, at, manifest)
    deliver(output, ask, partial(_failure, "Not rescheduled"))


@click.group(invoke_without_command=True)
@click.option("--all", "everything", is_flag=True, help="Include ended changes, newest first.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@options.watch
@options.web
@options.manifest
@options.output
@click.pass_context
def changes(
    context: click.Context,
    everything: bool,
    limit: int,
    watch: bool,
    web: bool,
    manifest: ProductChoice,
    output: str,
) -> None:
    """List open changes and the approvals they wait for."""
    if context.invoked_subcommand is not None:
        return
    if web:
        show_page("/changes", manifest, output)
    ask: Callable[[], Answer] = partial(_changes, everything, limit, manifest)
    if watch:
        ask = watching.watch_always(ask, output)
    deliver(output, ask, _not_listed)


@changes.command()
@click.argument("change", metavar="ID", type=options.Text(), shell_complete=completions.changes)
@click.option(
    "--output-of",
    "gate",
    type=options.Gate(),
    help="Show the output of this gate.",
)
@click.option(
    "-w", "--watch", is_flag=True, help="Show it until its end, whose exit code is returned."
)
@options.web
@options.manifest
@options.output
def show(
    change: str, gate: GateKind | None, watch: bool, web: bool, manifest: ProductChoice, output: str
) -> None:
    """
    Show one change, or with --output-of the output of a gate.

    With --output-of, ID may also be the ID of a record, or the trace ID of an answer.
    """
    if web:
        show_page(path_of(change), manifest, output)
    if watch and gate:
        raise click.UsageError("--watch shows the change: leave out --output-of")
    ask = partial(_show, change, gate, manifest)
    if watch:
        ask = partial(_watch, ask, output)
    deliver(output, ask, partial(_failure, "Not shown"))


def _watch(ask: Callable[[], Answer], output: str) -> Answer:
    """Show the change until its end; the exit code is then that of the change."""
    ended = watching.watch(ask, lambda found: not found.document.open, silent=output == "json")
    if ended.document is None:
        # Ctrl-C ended the watching and not the change.
        return ended
    return replace(ended, exit_code=exit_code(ended.document.error))


def _trace() -> str:
    return trace_id(os.environ.get("TRACEPARENT"))


def _approve(change_id: str, reason: str | None, manifest: ProductChoice) -> Answer:
    said = _parsed_reason(reason)
    with through_server(_trace(), manifest) as server:
        if server:
            return server.approve(change_id, said)
    with open_command_platform(manifest) as (platform, operator):
        change = platform.changes.approve(change_id, operator, _INTERFACE, said)
        change = platform.foreground.settle(change, TerminalProgress())
    return render_approved(ChangeResponse.of(change))


def _reject(change_id: str, reason: str, manifest: ProductChoice) -> Answer:
    with through_server(_trace(), manifest) as server:
        if server:
            return server.reject(change_id, reason)
    with open_command_platform(manifest) as (platform, operator):
        change = platform.changes.reject(change_id, operator, reason_text(reason), _INTERFACE)
    return render_rejected(ChangeResponse.of_decision(change, "rejected"), reason)


def _cancel(change_id: str, reason: str | None, manifest: ProductChoice) -> Answer:
    said = _parsed_reason(reason)
    with through_server(_trace(), manifest) as server:
        if server:
            return server.cancel(change_id, said)
    with open_command_platform(manifest) as (platform, operator):
        change = platform.changes.cancel(change_id, operator, _INTERFACE, said)
    return render_cancelled(ChangeResponse.of_decision(change, "cancelled"))


def _reschedule(change_id: str, at: str, manifest: ProductChoice) -> Answer:
    with through_server(_trace(), manifest) as server:
        if server:
            return server.reschedule(change_id, at)
    with open_command_platform(manifest) as (platform, operator):
        time = parse_scheduled_time(at, platform.engine.now())
        change = platform.changes.schedule.reschedule(change_id, operator, time, _INTERFACE)
    return render_approved(ChangeResponse.of(change))


def _parsed_reason(reason: str | None) -> str | None:
    return None if reason is None else reason_text(reason)


def _changes(everything: bool, limit: int, manifest: ProductChoice) -> Answer:
    with through_server(_trace(), manifest) as server:
        if server:
            return server.changes(everything, limit)
    with open_command_platform(manifest, (AUDIT,)) as (platform, _operator):
        store = platform.store
        platform.changes.expire_due()
        found = store.recent(limit) if everything else store.open()[:limit]
    return render_changes([ChangeResponse.of(change) for change in found], _trace())


def _show(change_id: str, gate: GateKind | None, manifest: ProductChoice) -> Answer:
    with through_server(_trace(), manifest) as server:
        if server:
            return server.show(change_id, gate)
    with open_command_platform(manifest, (AUDIT,)) as (platform, _operator):
        if gate is None:
            return render_shown(ChangeResponse.of(platform.changes.get(change_id)))
        return render_output(change_id, gate, platform.gate_output(change_id, gate), _trace())


def _not_listed(error: PromotionError) -> Answer:
    trace = _trace()
    return failure("Not shown", ChangesResponse.failed(error, trace), error, trace)


def _failure(not_done: str, error: PromotionError) -> Answer:
    trace = _trace()
    return failure(not_done, FailureResponse.of(error, trace), error, trace)
