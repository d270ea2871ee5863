"""`floe platform audit policy`: the rules of a record."""

import json
import os
from functools import partial

import click

from cli import options
from cli.output import Answer, deliver
from cli.render.common import failure, trace_line
from engine.bootstrap import open_reading_engine
from engine.config import ProductChoice
from engine.domain.errors import PromotionError
from engine.domain.text import printable
from engine.domain.trace import trace_id
from engine.responses.common import ErrorInfo
from engine.responses.policy import PolicyResponse


@click.command()
@click.argument("reference", metavar="DIGEST")
@options.output
@options.manifest
def policy(reference: str, output: str, manifest: ProductChoice) -> None:
    """
    Print the policy with DIGEST: the rules under which a record was made.

    DIGEST is the policy_digest of a record or its first digits, or a ledger entry like prod#7. The
    document is verified against its digest. It contains no secrets.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    deliver(output, partial(_policy, reference, trace, manifest), partial(_failure, trace))


def _policy(reference: str, trace: str, manifest: ProductChoice) -> Answer:
    with open_reading_engine(manifest) as engine:
        response = PolicyResponse.of(engine.policy(reference), trace)
    document = json.dumps(response.policy, indent=2, ensure_ascii=False).splitlines()
    lines = [f"Policy {response.digest}", *map(printable, document), trace_line(trace)]
    return Answer(response, lines)


def _failure(trace: str, error: PromotionError) -> Answer:
    response = PolicyResponse.build(trace_id=trace, error=ErrorInfo.of(error))
    return failure("No policy", response, error, trace)
