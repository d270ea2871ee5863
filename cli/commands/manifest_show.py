"""The command `floe manifest show`."""

import os
from functools import partial
from pathlib import Path

import click

from cli import options
from cli.output import Answer, deliver
from cli.render.common import failure
from cli.render.manifest import render_yaml
from engine.config.effective import dotted, effective_manifest
from engine.domain.errors import PromotionError
from engine.domain.trace import trace_id
from engine.responses.common import ErrorInfo
from engine.responses.manifest import ManifestShowResponse


@click.command()
@click.argument("product", required=False)
@options.output
@options.server_file
def show(product: str | None, output: str, manifest: Path) -> None:
    """
    Print the settings of PRODUCT as YAML, with those that it inherits and the policy digest.

    A comment names the file and line of each inherited setting. Secrets are hidden; references to
    environment variables are not. A single manifest has no PRODUCT.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    deliver(output, partial(_show, product, manifest, trace), partial(_failure, trace))


def _show(product: str | None, manifest: Path, trace: str) -> Answer:
    found = effective_manifest(manifest, os.environ, product)
    config = found.config
    response = ManifestShowResponse.build(
        success=True,
        product=config.product,
        owner=config.owner,
        file=str(config.file),
        policy_digest=config.policy.digest,
        manifest=dict(found.tree),
        origins={dotted(path): place for path, place in found.origins.items()},
        trace_id=trace,
    )
    lines = render_yaml(found.tree, found.origins)
    return Answer(response, [*lines, f"# Policy digest: {config.policy.digest}"])


def _failure(trace: str, error: PromotionError) -> Answer:
    response = ManifestShowResponse.build(trace_id=trace, error=ErrorInfo.of(error))
    return failure("Not shown", response, error, trace)
