"""`floe schema`."""

import click

from cli.failure import as_json
from engine.config import config_schema
from engine.domain.record import record_schema


@click.command()
@click.option("--records", is_flag=True, help="The schema of ledger records instead.")
def schema(records: bool) -> None:
    """Print the JSON Schema of manifest.yaml, for editors and linters."""
    click.echo(as_json(record_schema() if records else config_schema()))
