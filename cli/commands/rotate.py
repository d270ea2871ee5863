"""The command `floe keys rotate`."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from cli import completions, options
from cli.output import Answer, deliver
from cli.progress import TerminalProgress
from cli.remote.selection import through_server
from cli.render.common import failure
from cli.render.keys import render_rotated
from engine.api import Engine
from engine.bootstrap import keys, open_command_engine
from engine.config import ProductChoice
from engine.domain.errors import PromotionError
from engine.domain.operator import Operator
from engine.domain.parsing import parse_rotate_request
from engine.domain.plan import Plan
from engine.domain.public_key import KeyReference
from engine.domain.request import RotateRequest
from engine.domain.result import Ending, Result
from engine.domain.trace import trace_id
from engine.responses.common import ErrorInfo
from engine.responses.freeze import FreezeInput, FreezeResponse, freeze_response
from engine.responses.keys import RotationsResponse


@click.command()
@click.option(
    "--add",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    metavar="FILE",
    help="A public key to trust from now on; repeatable.",
)
@click.option(
    "--retire",
    multiple=True,
    metavar="KEY",
    help="ID or file of a public key to trust no longer; repeatable.",
)
@click.option(
    "--env",
    "environments",
    multiple=True,
    help="Only this environment; repeatable.",
    shell_complete=completions.environments,
)
@click.option("--reason", help="The recorded reason.")
@options.manifest
@options.output
def rotate(
    add: tuple[Path, ...],
    retire: tuple[str, ...],
    environments: tuple[str, ...],
    reason: str | None,
    manifest: ProductChoice,
    output: str,
) -> None:
    """
    Trust other keys from now on, by a signed record in each ledger.

    Entries after the record count if an added key signed them, and not if a retired one did. The
    present key of ledger.signing signs the record. Nothing is written unless every environment
    allows it; with FLOE_SERVER, the first one that refuses ends the command, and those before it
    are rotated.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))

    def ask() -> Answer:
        typed = FreezeInput(
            "rotate",
            "",
            reason or "",
            trace,
            add=tuple(map(keys.read_public_key, add)),
            retire=tuple(map(_reference, retire)),
        )
        with through_server(trace, manifest) as server:
            if server:
                return server.rotate(typed, environments)
        with open_command_engine(manifest) as (engine, operator):
            return _rotate(engine, operator, typed, environments)

    def failed(error: PromotionError) -> Answer:
        response = RotationsResponse.build(trace_id=trace, error=ErrorInfo.of(error))
        return failure("Keys not rotated", response, error, trace)

    deliver(output, ask, failed)


def _reference(text: str) -> KeyReference:
    """The ID of a key, or the public key in the file `text`."""
    return text if text.startswith("sha256:") else keys.read_public_key(Path(text))


def _rotate(
    engine: Engine, operator: Operator, typed: FreezeInput, environments: Sequence[str]
) -> Answer:
    plans: list[Plan] = []

    def request(one: FreezeInput) -> RotateRequest:
        return parse_rotate_request(
            engine.path, one.environment, operator, one.trace_id, one.add, one.retire, one.reason
        )

    def check(one: FreezeInput) -> FreezeResponse:
        plans.append(engine.plan(request(one), TerminalProgress()))
        return freeze_response(one, Result(plans[-1], Ending.BLOCKED, error=plans[-1].error))

    def run(one: FreezeInput) -> FreezeResponse:
        return freeze_response(one, engine.run(request(one), TerminalProgress()))

    names = environments or engine.path.names
    checked = RotationsResponse.gather(typed, names, check)
    if checked.error:
        refused = RotationsResponse.of(checked.environments[-1:], typed.trace_id)
        if plans and plans[-1].error is not None:
            # Nothing is written: the attempt is recorded.
            engine.execute(plans[-1], TerminalProgress())
        return render_rotated(refused, verified=operator.verified)
    done = RotationsResponse.gather(typed, names, run)
    return render_rotated(done, verified=operator.verified)
