"""The files of the page about many products."""

import re

from demo.seed import VERSIONS, Layout
from demo.signing import ReleaseKey
from tests.docs.pages import ROOT
from tests.docs.stage import RELEASE, Stage

PAGE = ROOT / "docs" / "products.md"
_FILE = re.compile(r"^`([\w./]+\.yaml)`\n\n```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def documented_files() -> dict[str, str]:
    """Return the texts of the files on the page, by path."""
    return dict(_FILE.findall(PAGE.read_text()))


def expected_check() -> list[str]:
    """Return the lines that `floe manifest check` prints on the page."""
    [text] = re.findall(r"^```text\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    lines: list[str] = text.splitlines()
    return lines


def build_products(stage: Stage) -> None:
    """The files of the page about many products, with v1.2.3 of each product."""
    (stage.folder / "keys").mkdir(parents=True)
    key = ReleaseKey()
    key.publish(stage.folder / "keys" / "release.pub")
    for name, text in documented_files().items():
        here = text.replace("oci://harbor.example.com/acme/", "oci-layout:./")
        here = here.replace("https://login.acme.com", stage.issuer.issuer)
        (stage.folder / name).parent.mkdir(exist_ok=True)
        (stage.folder / name).write_text(here)
    for product in ("checkout", "search"):
        layout = Layout(stage.folder / product)
        key.sign(layout, layout.publish(RELEASE, VERSIONS["v1.2.2"] | {"version": RELEASE}))
