"""The command `floe platform open`, and the option --web of other commands."""

import os
from functools import partial
from typing import NoReturn
from urllib.parse import quote

import click

from cli import options
from cli.browser import open_browser
from cli.output import Answer, deliver
from cli.remote.selection import through_server
from cli.render.common import failure
from cli.stdio import remark
from engine.config import ProductChoice
from engine.domain.errors import PromotionError, UnconfiguredError
from engine.domain.text import printable
from engine.domain.trace import trace_id
from engine.responses.common import ErrorInfo
from engine.responses.page import PageResponse


@click.command(name="open")
@click.argument("subject", metavar="[CHANGE|ENV]", required=False, type=options.Text())
@options.manifest
@options.output
def open_page(subject: str | None, manifest: ProductChoice, output: str) -> None:
    """
    Open the page of a change or an environment, or of the product, in the browser.

    The page is that of FLOE_SERVER, or else of web.base_url. Its address is printed, too.
    """
    show_page(path_of(subject), manifest, output)


def path_of(subject: str | None) -> str:
    """Return the path of the page of a change (c-…), of an environment, or of all."""
    if not subject:
        return "/"
    kind = "changes" if subject.startswith("c-") else "environments"
    return f"/{kind}/{quote(subject, safe='', errors='replace')}"


def show_page(path: str, manifest: ProductChoice, output: str) -> NoReturn:
    """Open the page at `path` in the browser, and print its address."""
    trace = trace_id(os.environ.get("TRACEPARENT"))
    deliver(output, partial(_open, path, trace, manifest), partial(_failure, trace))


def _open(path: str, trace: str, manifest: ProductChoice) -> Answer:
    url = _address(path, trace, manifest)
    remark(f"Opening {printable(url)}")
    opened = open_browser(url)
    warnings = () if opened else ("No browser was found: open the address yourself",)
    response = PageResponse.build(success=True, url=url, trace_id=trace)
    return Answer(response, [url], warnings=warnings)


def _address(path: str, trace: str, manifest: ProductChoice) -> str:
    with through_server(trace, manifest) as server:
        if server:
            return server.page(path)
    config = manifest.load(os.environ)
    if config.web.base_url is None:
        raise UnconfiguredError(
            "No server with a page is known: set FLOE_SERVER to its address, or web.base_url in "
            f"{config.file.name}"
        )
    product = f"/p/{config.product}" if config.product else ""
    return f"{config.web.base_url}{product}{path}"


def _failure(trace: str, error: PromotionError) -> Answer:
    response = PageResponse.build(trace_id=trace, error=ErrorInfo.of(error))
    return failure("Not opened", response, error, trace)
