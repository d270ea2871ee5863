"""Writes the pages that are generated from the code: `make reference`."""

import json
from pathlib import Path

from docs.reference.api import api_page
from docs.reference.cli import cli_page
from docs.reference.figures import page_with_figures
from docs.reference.manifest import manifest_page, server_page
from docs.reference.outputs import outputs_page, outputs_schema
from docs.reference.rooms import page_with_picture

FOLDER = Path(__file__).parent
PAGES = {
    "manifest.md": manifest_page,
    "server.md": server_page,
    "cli.md": cli_page,
    "outputs.md": outputs_page,
    "api.md": api_page,
    "../architecture.md": lambda: page_with_picture((FOLDER / "../architecture.md").read_text()),
    "../performance.md": lambda: page_with_figures((FOLDER / "../performance.md").read_text()),
    "../schema/outputs.json": lambda: (
        json.dumps(outputs_schema(), indent=2, ensure_ascii=False) + "\n"
    ),
}


def main() -> None:
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page())


if __name__ == "__main__":
    main()
