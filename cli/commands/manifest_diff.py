"""The command `floe manifest diff`."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import click

from cli import options
from cli.output import Answer, deliver
from cli.render.common import failure, trace_line
from engine.config import Config, load_installation
from engine.domain.errors import GateFailedError, PromotionError
from engine.domain.policy_changes import compare_policies
from engine.domain.text import printable
from engine.domain.trace import trace_id
from engine.responses.common import ErrorInfo
from engine.responses.manifest import ManifestDiffResponse, ProductDiff

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("old", type=_FILE)
@click.argument("new", type=_FILE)
@click.option("--fail-if-looser", is_flag=True, help="End with exit code 8 if a rule is looser.")
@options.output
def diff(old: Path, new: Path, fail_if_looser: bool, output: str) -> None:
    """
    Show which rules are looser or stricter in NEW than in OLD.

    Both are manifests or server files; products are compared by name. A change without a direction,
    like that of a gate's command, is listed as other. Exit code 0 also if rules are looser, unless
    --fail-if-looser is given; 2 if a file is not valid. Only rules are compared: addresses,
    credentials, web and slack have no direction.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    ask = partial(_diff, old, new, fail_if_looser, trace)
    deliver(output, ask, partial(_failure, trace))


def _diff(old: Path, new: Path, fail_if_looser: bool, trace: str) -> Answer:
    products = tuple(_compare(_products(old), _products(new)))
    kinds = Counter(each.kind for product in products for each in product.changes)
    looser = kinds["looser"]
    verb = "rules are" if looser > 1 else "rule is"
    error = GateFailedError(f"{looser} {verb} looser in {new}") if looser else None
    response = ManifestDiffResponse.build(
        success=not (error and fail_if_looser),
        products=products,
        looser=looser,
        stricter=kinds["stricter"],
        other=kinds["other"],
        trace_id=trace,
        error=ErrorInfo.of(error) if error and fail_if_looser else None,
    )
    lines = [_total(response), *_lines(products), trace_line(trace)]
    code = error.exit_code if error and fail_if_looser else 0
    return Answer(response, lines, exit_code=code)


def _products(file: Path) -> Mapping[str, Config]:
    """Load all products; a broken one is an error, since its rules are unknown."""
    installation = load_installation(file, os.environ)
    for error in installation.broken.values():
        raise error
    return installation.products


def _compare(old: Mapping[str, Config], new: Mapping[str, Config]) -> Iterator[ProductDiff]:
    for name in dict.fromkeys((*old, *new)):
        before, after = (each[name].policy if name in each else None for each in (old, new))
        yield ProductDiff.of(
            name, before, after, compare_policies(before, after) if before and after else ()
        )


def _total(response: ManifestDiffResponse) -> str:
    return (
        f"Rules: {response.looser} looser, {response.stricter} stricter, "
        f"{response.other} changed otherwise"
    )


def _lines(products: tuple[ProductDiff, ...]) -> Iterator[str]:
    for each in products:
        if each.state != "compared":
            yield printable(f"{each.state}: {each.product or 'the product without a name'}")
    for kind in ("looser", "stricter", "other"):
        for product in products:
            name = f"{product.product}: " if product.product else ""
            for change in product.changes:
                if change.kind == kind:
                    yield printable(f"{kind}: {name}{change.text}")


def _failure(trace: str, error: PromotionError) -> Answer:
    response = ManifestDiffResponse.build(trace_id=trace, error=ErrorInfo.of(error))
    return failure("Not compared", response, error, trace)
