"""Write the pages that are made from the code: `make reference`."""

from pathlib import Path

from docs.reference.cli import cli_page
from docs.reference.manifest import manifest_page

FOLDER = Path(__file__).parent
PAGES = {"manifest.md": manifest_page, "cli.md": cli_page}


def main() -> None:
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page())


if __name__ == "__main__":
    main()
