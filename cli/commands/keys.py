"""The commands `floe keys generate` and `floe keys show`."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from cli import options
from cli.output import Answer, deliver
from cli.render.common import failure
from cli.render.keys import render_generated, render_shown
from engine.attestation.keys import VerificationKey
from engine.bootstrap import keys
from engine.config import ProductChoice
from engine.domain.errors import PromotionError
from engine.domain.trace import trace_id
from engine.responses.common import ErrorResponse
from engine.responses.keys import KeyResponse


class NoteName(options.Text):
    """A name in a signed note: not empty, without spaces and plus signs."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = super().convert(value, param, ctx)
        if not text or "+" in text or any(c.isspace() for c in text):
            self.fail("must not be empty, and has no spaces and no plus signs", param, ctx)
        return text


_name = click.option(
    "--name",
    type=NoteName(),
    default="floe",
    show_default=True,
    help="Name in the form for signed notes (C2SP), which has only Ed25519 keys.",
)


@click.command()
@click.option(
    "--kind",
    type=click.Choice(["ecdsa", "ed25519"]),
    default="ecdsa",
    show_default=True,
    help="ECDSA P-256, or Ed25519, which can also sign checkpoints.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("floe.key"),
    show_default=True,
    help="A new file for the private key; the public key goes beside it, with .pub added.",
)
@_name
@options.output
def generate(kind: str, out: Path, name: str, output: str) -> None:
    """
    Make a key that signs ledger entries.

    The file of the private key can be read by its owner only. Existing files stay as they are.
    """

    def ask(trace: str) -> Answer:
        made = keys.generate_key(kind, out)
        files = {"private_key_file": str(out), "public_key_file": str(keys.public_file(out))}
        return render_generated(_response(made, name, trace, files))

    _deliver(output, ask, "No key was made")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@_name
@options.manifest
@options.output
def show(file: Path | None, name: str, manifest: ProductChoice, output: str) -> None:
    """
    Show the public key of FILE, or of ledger.signing.key in the manifest.

    FILE has a public or a private key in PEM. Nothing secret is printed.
    """

    def ask(trace: str) -> Answer:
        key = keys.show_key(file) if file else keys.show_configured_key(manifest)
        return render_shown(_response(key, name, trace, {}))

    _deliver(output, ask, "No key to show")


def _response(key: VerificationKey, name: str, trace: str, files: dict[str, str]) -> KeyResponse:
    return KeyResponse.build(
        success=True,
        kind=key.kind,
        key_id=key.fingerprint,
        public_key=key.pem,
        cosign_hint=key.hint,
        verifier_key=key.verifier_key(name),
        trace_id=trace,
        **files,
    )


def _deliver(output: str, ask: Callable[[str], Answer], not_done: str) -> None:
    trace = trace_id(os.environ.get("TRACEPARENT"))

    def failed(error: PromotionError) -> Answer:
        return failure(not_done, ErrorResponse.of(error, trace), error, trace)

    deliver(output, partial(ask, trace), failed)
