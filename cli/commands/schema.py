"""The command `floe schema`."""

from pathlib import Path

import click

from cli import options
from cli.errors import as_json
from engine.config import config_schema
from engine.domain.record import record_schema


@click.command()
@click.option("--records", is_flag=True, help="Print the schema of ledger records instead.")
@options.manifest
def schema(records: bool, manifest: Path) -> None:  # noqa: ARG001 - every command accepts it
    """Print the JSON Schema of manifest.yaml for editors and linters."""
    click.echo(as_json(record_schema() if records else config_schema()))
