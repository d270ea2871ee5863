"""The command `floe schema`."""

from pathlib import Path

import click

from cli import options
from cli.errors import as_json
from engine.config import config_schema
from engine.config.server_models import product_schema, server_schema
from engine.domain.record import record_schema

_SCHEMAS = {"manifest": config_schema, "server": server_schema, "product": product_schema}


@click.command()
@click.argument("kind", type=click.Choice([*_SCHEMAS]), default="manifest")
@click.option("--records", is_flag=True, help="Print the schema of ledger records instead.")
@options.optional_file
def schema(
    kind: str,
    records: bool,
    manifest: Path,  # noqa: ARG001 - every command accepts it
) -> None:
    """Print the JSON Schema of a manifest, server file or product file, for editors and linters."""
    click.echo(as_json(record_schema() if records else _SCHEMAS[kind]()))
