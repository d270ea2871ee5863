"""Options every command shares."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

manifest = click.option(
    "--manifest",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("manifest.yaml"),
    show_default=True,
    envvar="FLOE_MANIFEST",
    help="The platform's manifest.yaml.",
)
output = click.option(
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="For people or for programs.",
)
