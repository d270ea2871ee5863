"""The commands `floe platform lock`, `unlock`, `restore` and `audit acknowledge`."""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from cli import options
from cli.output import Answer, deliver
from cli.progress import TerminalProgress
from cli.refusal_recording import with_refusal_record
from cli.remote.selection import through_server
from cli.render.common import failure
from cli.render.freeze import NOT_DONE, render
from engine.api import Engine
from engine.bootstrap import open_command_engine
from engine.domain.errors import PromotionError
from engine.domain.operator import Operator
from engine.domain.parsing import (
    parse_acknowledge_request,
    parse_lock_request,
    parse_restore_request,
    parse_unlock_request,
)
from engine.domain.request import AcknowledgeRequest, LockRequest, RestoreRequest, UnlockRequest
from engine.domain.trace import trace_id
from engine.responses.freeze import FreezeInput, freeze_failed, freeze_response

Ask = Callable[
    [Engine, Operator], LockRequest | UnlockRequest | RestoreRequest | AcknowledgeRequest
]


@click.command()
@click.option("--env", "environment", required=True, help="The environment to lock.")
@options.reason("The reason, shown to everybody whose promotion it blocks.")
@click.option("--for", "duration", help="Duration: 30m, 2h, 1d, 1h30m. By default until unlocked.")
@options.manifest
@options.output
def lock(environment: str, reason: str, duration: str | None, manifest: Path, output: str) -> None:
    """Lock an environment against promotions. Rollback stays possible."""
    typed = FreezeInput("lock", environment, reason, trace_id(os.environ.get("TRACEPARENT")))

    def ask(engine: Engine, operator: Operator) -> LockRequest:
        return parse_lock_request(
            engine.path, environment, operator, typed.trace_id, reason, duration
        )

    deliver(output, partial(_asked, typed, duration, manifest, ask), partial(_failure, typed))


@click.command()
@click.option("--env", "environment", required=True, help="The environment to unlock.")
@options.reason("The recorded reason.")
@options.manifest
@options.output
def unlock(environment: str, reason: str, manifest: Path, output: str) -> None:
    """Unlock an environment."""
    typed = FreezeInput("unlock", environment, reason, trace_id(os.environ.get("TRACEPARENT")))

    def ask(engine: Engine, operator: Operator) -> UnlockRequest:
        return parse_unlock_request(engine.path, environment, operator, typed.trace_id, reason)

    deliver(output, partial(_asked, typed, None, manifest, ask), partial(_failure, typed))


@click.command()
@click.option("--env", "environment", required=True, help="The environment to restore.")
@click.option("--reason", help="The recorded reason.")
@options.manifest
@options.output
def restore(environment: str, reason: str | None, manifest: Path, output: str) -> None:
    """Put latest-<env> back to the ledger's version after it was moved outside floe."""
    trace = trace_id(os.environ.get("TRACEPARENT"))
    typed = FreezeInput("restore", environment, reason or "", trace)

    def ask(engine: Engine, operator: Operator) -> RestoreRequest:
        return parse_restore_request(engine.path, environment, operator, typed.trace_id, reason)

    deliver(output, partial(_asked, typed, None, manifest, ask), partial(_failure, typed))


@click.command()
@click.argument("sequence", metavar="N", type=click.IntRange(1, 10**18 - 1))
@click.option("--env", "environment", required=True, help="The environment of the ledger.")
@options.reason("The recorded reason.")
@options.manifest
@options.output
def acknowledge(sequence: int, environment: str, reason: str, manifest: Path, output: str) -> None:
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

    deliver(output, partial(_asked, typed, None, manifest, ask), partial(_failure, typed))


def _asked(typed: FreezeInput, duration: str | None, manifest: Path, ask: Ask) -> Answer:
    with through_server(typed.trace_id) as server:
        if server:
            return server.freeze(typed, duration)
    return _freeze(typed, manifest, ask)


def _freeze(typed: FreezeInput, manifest: Path, ask: Ask) -> Answer:
    with open_command_engine(manifest) as (engine, operator):
        request = ask(engine, operator)
        typed = replace(typed, reason=request.reason)
        result = engine.run(request, TerminalProgress())
    response = freeze_response(typed, result)
    answer = render(typed.verb, response, verified=result.verified)
    return with_refusal_record(answer, manifest, result.plan)


def _failure(typed: FreezeInput, error: PromotionError) -> Answer:
    return failure(NOT_DONE[typed.verb], freeze_failed(typed, error), error, typed.trace_id)
