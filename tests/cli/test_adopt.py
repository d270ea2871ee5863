"""`floe state adopt`: from one manifest to a server file that keeps its changes."""

import os
from pathlib import Path

import pytest

from engine.bootstrap import open_products
from engine.config.installation import load_installation
from engine.domain.errors import ConfigError
from engine.ports.telemetry import NO_METRICS
from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.commands import Floe

IDENTITY = "identity: {trust_os_user: true, groups: {managers: [bob]}}\n"
MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
metadata: {name: checkout}
artifacts:
  registry: {uri: "oci-layout:./registry"}
  promotion:
    environments:
      - name: dev
      - {name: prod, authorization: {}, approvals: {required: 1, groups: [managers]}}
"""
SERVER = f"""\
apiVersion: floe.dev/v1
kind: Server
{IDENTITY}products: [checkout.yaml]
"""


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    """A product with an open change, whose manifest a server file has just replaced."""
    (tmp_path / "manifest.yaml").write_text(MANIFEST + IDENTITY)
    oci_layout.write(tmp_path / "registry", image(b"one"), "v1.0.0-dev")
    floe = Floe(tmp_path)
    asked = floe.run("platform", "promote", "v1.0.0", "--to", "prod", "--output", "json")
    assert asked.document["outcome"] == "pending", asked.out
    (tmp_path / "checkout.yaml").write_text(MANIFEST)
    (tmp_path / "manifest.yaml").write_text(SERVER)
    return floe


def open_server(folder: Path) -> list[str]:
    """Return the products of the open changes of a server on `folder`."""
    found = load_installation(folder / "manifest.yaml", os.environ)
    with open_products(found.products, NO_METRICS, several=True) as products:
        return [change.product for change in products.store.open()]


def test_server_starts_once_the_open_changes_have_a_product(floe: Floe) -> None:
    with pytest.raises(ConfigError, match="1 open changes belong to no product.*state adopt"):
        open_server(floe.folder)

    adopted = floe.run("state", "adopt", "checkout", "--output", "json")

    assert (adopted.code, adopted.document["changes"]) == (0, 1)
    assert open_server(floe.folder) == ["checkout"]
    again = floe.run("state", "adopt", "checkout")
    assert "Changes that belong to checkout now: 0" in again.out


def test_unknown_product_adopts_nothing(floe: Floe) -> None:
    refused = floe.run("state", "adopt", "checkuot")

    assert refused.code == 2
    assert "no product checkuot" in refused.err
    with pytest.raises(ConfigError):
        open_server(floe.folder)
