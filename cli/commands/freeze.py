"""The commands `floe platform lock`, `unlock`, `restore`, `review`, `release`, `acknowledge`."""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NoReturn

import click

from cli import completions, options
from cli.output import Answer, deliver
from cli.progress import TerminalProgress
from cli.remote.selection import through_server
from cli.render.common import failure
from cli.render.freeze import NOT_DONE, render
from engine.api import Engine
from engine.bootstrap import open_command_engine
from engine.config import ProductChoice
from engine.domain.errors import PromotionError
from engine.domain.operator import Operator
from engine.domain.parsing import (
    parse_acknowledge_request,
    parse_lock_request,
    parse_release_request,
    parse_restore_request,
    parse_review_request,
    parse_unlock_request,
)
from engine.domain.request import (
    AcknowledgeRequest,
    LockRequest,
    ReleaseRequest,
    RestoreRequest,
    ReviewRequest,
    UnlockRequest,
    UnwaiveRequest,
)
from engine.domain.status import reviewed_environment
from engine.domain.trace import trace_id
from engine.responses.freeze import FreezeInput, freeze_failed, freeze_response

Ask = Callable[
    [Engine, Operator],
    LockRequest
    | UnlockRequest
    | RestoreRequest
    | AcknowledgeRequest
    | UnwaiveRequest
    | ReviewRequest
    | ReleaseRequest,
]


@click.command()
@options.words(environment="ENV", reason="REASON")
@click.option(
    "--env",
    "environment",
    required=True,
    help="The environment to lock.",
    shell_complete=completions.environments,
)
@options.reason("The reason, shown to everybody whose promotion it blocks.")
@click.option("--for", "duration", help="Duration: 30m, 2h, 1d, 1h30m. By default until unlocked.")
@options.manifest
@options.output
def lock(
    environment: str, reason: str, duration: str | None, manifest: ProductChoice, output: str
) -> None:
    """Lock an environment against promotions. Rollback stays possible."""
    typed = FreezeInput("lock", environment, reason, trace_id(os.environ.get("TRACEPARENT")))

    def ask(engine: Engine, operator: Operator) -> LockRequest:
        return parse_lock_request(
            engine.path, environment, operator, typed.trace_id, reason, duration
        )

    run_freeze(output, typed, duration, manifest, ask)


@click.command()
@options.words(environment="ENV", reason="REASON")
@click.option(
    "--env",
    "environment",
    required=True,
    help="The environment to unlock.",
    shell_complete=completions.environments,
)
@options.reason("The recorded reason.")
@options.manifest
@options.output
def unlock(environment: str, reason: str, manifest: ProductChoice, output: str) -> None:
    """Unlock an environment."""
    typed = FreezeInput("unlock", environment, reason, trace_id(os.environ.get("TRACEPARENT")))

    def ask(engine: Engine, operator: Operator) -> UnlockRequest:
        return parse_unlock_request(engine.path, environment, operator, typed.trace_id, reason)

    run_freeze(output, typed, None, manifest, ask)


@click.command()
@click.option(
    "--env",
    "environment",
    required=True,
    help="The environment to restore.",
    shell_complete=completions.environments,
)
@click.option("--reason", help="The recorded reason.")
@options.manifest
@options.output
def restore(environment: str, reason: str | None, manifest: ProductChoice, output: str) -> None:
    """Put latest-<env> back to the ledger's version after it was moved outside floe."""
    trace = trace_id(os.environ.get("TRACEPARENT"))
    typed = FreezeInput("restore", environment, reason or "", trace)

    def ask(engine: Engine, operator: Operator) -> RestoreRequest:
        return parse_restore_request(engine.path, environment, operator, typed.trace_id, reason)

    run_freeze(output, typed, None, manifest, ask)


@click.command()
@click.argument("version", shell_complete=completions.versions)
@click.option(
    "--env",
    "environment",
    required=True,
    help="The environment that was rolled back.",
    shell_complete=completions.environments,
)
@options.reason("The recorded reason.")
@options.manifest
@options.output
def release(
    version: str, environment: str, reason: str, manifest: ProductChoice, output: str
) -> None:
    """Release VERSION, which a rollback quarantined, so that it can be promoted again."""
    trace = trace_id(os.environ.get("TRACEPARENT"))
    typed = FreezeInput("release", environment, reason, trace, version=version)

    def ask(engine: Engine, operator: Operator) -> ReleaseRequest:
        return parse_release_request(
            engine.path, environment, operator, typed.trace_id, version, reason
        )

    deliver(output, partial(_asked, typed, None, manifest, ask), partial(_failure, typed))


@click.command()
@click.argument("sequence", metavar="N", type=click.IntRange(1, 10**18 - 1))
@click.option(
    "--env",
    "environment",
    required=True,
    help="The environment of the ledger.",
    shell_complete=completions.environments,
)
@options.reason("The recorded reason.")
@options.manifest
@options.output
def acknowledge(
    sequence: int, environment: str, reason: str, manifest: ProductChoice, output: str
) -> None:
    """
    Acknowledge number N of a ledger, whose content does not count.

    A record names the number and the digest of its content. audit verify then notes it, and
    reports other content at that number.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    typed = FreezeInput("acknowledge", environment, reason, trace, sequence)

    def ask(engine: Engine, operator: Operator) -> AcknowledgeRequest:
        return parse_acknowledge_request(
            engine.path, environment, operator, typed.trace_id, sequence, reason
        )

    run_freeze(output, typed, None, manifest, ask)


def run_freeze(
    output: str, typed: FreezeInput, duration: str | None, manifest: ProductChoice, ask: Ask
) -> NoReturn:
    """Carry out `typed`, here or on the server, and print the answer."""
    deliver(output, partial(_asked, typed, duration, manifest, ask), partial(_failure, typed))


@click.command()
@click.argument("record")
@click.option("--object", "objects", is_flag=True, help="Object to it instead of accepting it.")
@options.reason("The recorded reason.")
@options.manifest
@options.output
def review(record: str, objects: bool, reason: str, manifest: ProductChoice, output: str) -> None:
    """
    Review the break-glass in RECORD, as another person than the one who used it.

    Until its review, the product is reminded of it; overdue reviews block the next break-glass.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    typed = FreezeInput("review", "", reason, trace, record=record, accepted=not objects)

    def ask(engine: Engine, operator: Operator) -> ReviewRequest:
        name = reviewed_environment(engine.status(), record)
        return parse_review_request(engine.path, name, operator, trace, record, reason, not objects)

    deliver(output, partial(_asked, typed, None, manifest, ask), partial(_failure, typed))


def _asked(typed: FreezeInput, duration: str | None, manifest: ProductChoice, ask: Ask) -> Answer:
    with through_server(typed.trace_id, manifest) as server:
        if server:
            return server.freeze(typed, duration)
    return _freeze(typed, manifest, ask)


def _freeze(typed: FreezeInput, manifest: ProductChoice, ask: Ask) -> Answer:
    with open_command_engine(manifest) as (engine, operator):
        request = ask(engine, operator)
        typed = replace(typed, reason=request.reason, environment=request.target)
        result = engine.run(request, TerminalProgress())
    response = freeze_response(typed, result)
    return render(typed.verb, response, verified=result.verified)


def _failure(typed: FreezeInput, error: PromotionError) -> Answer:
    return failure(NOT_DONE[typed.verb], freeze_failed(typed, error), error, typed.trace_id)
