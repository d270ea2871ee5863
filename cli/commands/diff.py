"""The command `floe platform diff`."""

import os
from functools import partial
from urllib.parse import quote

import click

from cli import completions, options
from cli.output import Answer, deliver
from cli.remote.selection import through_server
from cli.render.common import failure
from cli.render.diff import render
from engine.bootstrap import open_reading_engine
from engine.config import ProductChoice
from engine.domain.errors import PromotionError
from engine.domain.parsing import parse_version
from engine.domain.trace import trace_id
from engine.responses.diff import VersionDiffResponse


@click.command()
@click.argument("before", metavar="FROM", type=options.Text(), shell_complete=completions.versions)
@click.argument("after", metavar="TO", type=options.Text(), shell_complete=completions.versions)
@options.web
@options.manifest
@options.output
def diff(before: str, after: str, web: bool, manifest: ProductChoice, output: str) -> None:
    """
    Show the differences between two versions: vulnerabilities, packages, commits and content.

    Vulnerabilities are those of the scans that promotions kept, packages those of attached SBOMs.
    Exit code 0 also if the versions differ.

    Example: floe platform diff v1.2.0 v1.3.0
    """
    if web:
        from cli.commands.open import show_page  # few commands open a browser

        place = "..".join(quote(each, safe="", errors="replace") for each in (before, after))
        show_page(f"/diff/{place}", manifest, output)
    trace = trace_id(os.environ.get("TRACEPARENT"))
    deliver(output, partial(_diff, before, after, trace, manifest), partial(_failure, trace))


def _diff(before: str, after: str, trace: str, manifest: ProductChoice) -> Answer:
    with through_server(trace, manifest) as server:
        if server:
            return render(server.diff(before, after))
    with open_reading_engine(manifest) as engine:
        versions = parse_version(before), parse_version(after)
        found = engine.comparer.versions(*versions, engine.status())
    return render(VersionDiffResponse.of(found, trace))


def _failure(trace: str, error: PromotionError) -> Answer:
    return failure("Not compared", VersionDiffResponse.failed(error, trace), error, trace)
