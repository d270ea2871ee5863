"""A reload that is not possible changes nothing."""

from pathlib import Path

import pytest

from engine.bootstrap import open_products
from engine.config import load_installation
from engine.domain.errors import ConfigError, UsageError
from engine.ports.telemetry import NO_METRICS
from tests.builders import image
from tests.config.server_files import write_server
from tests.peers import oci_layout
from tests.scenarios.changing import until
from tests.scenarios.test_reload import IDENTITY, RULES, serving, write
from tests.scenarios.together import submit


def test_half_written_server_file_changes_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, "billing", "checkout") as products:
        before = dict(products)
        (tmp_path / "floe.yaml").write_text("apiVersion: floe.dev/v1\nkind: Server\nprod")

        with pytest.raises(ConfigError, match="floe.yaml:4: not valid YAML"):
            products.reload()

        assert dict(products) == before
        assert products.broken == {}


def test_changed_state_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path, "checkout") as products:
        write_server(tmp_path, RULES, IDENTITY + "state: {dir: other}\n")

        with pytest.raises(ConfigError, match="restart floe serve"):
            products.reload()


def test_single_manifest_is_not_read_again(tmp_path: Path) -> None:
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(
        "apiVersion: floe.dev/v1\nkind: Manifest\n"
        "artifacts: {registry: {uri: oci-layout:./registry},"
        " promotion: {environments: [{name: dev}, {name: staging}]}}\n"
    )
    found = load_installation(manifest, {})
    with (
        open_products(found.products, NO_METRICS, several=False) as products,
        pytest.raises(UsageError, match="restart floe serve"),
    ):
        products.reload()


@pytest.mark.parametrize("opens", [False, True])
def test_broken_product_does_not_keep_people_who_were_removed(tmp_path: Path, opens: bool) -> None:
    """Also if the file can be read, and only the product cannot be opened."""
    with serving(tmp_path, "billing", "checkout") as products:
        path = write(tmp_path, "checkout")
        good = path.read_text()
        policy = "policies: [{name: bad, rule: 'size(', message: m, severity: error}]"
        wrong = good.replace("promotion: {", f"promotion: {{{policy}, ", 1)
        assert wrong != good
        path.write_text(wrong if opens else "apiVersion: floe.dev/v1\nkind: Mani")
        write_server(tmp_path, RULES, "identity: {groups: {managers: [carol]}}\n")

        found = products.reload()

        assert list(products) == ["billing"]
        assert "checkout" in found.broken
        with pytest.raises(UsageError, match="The product checkout cannot be used"):
            products.named("checkout")
        path.write_text(good)
        assert products.reload().opened == ("checkout",)
        change = submit(products["checkout"], "staging")
        assert until(lambda: not products["checkout"].changes.get(change.id).open, 60)
