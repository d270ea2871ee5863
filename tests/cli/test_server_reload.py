"""A running `floe serve` reads its files again when it receives SIGHUP."""

import signal
from pathlib import Path

import httpx

from tests.builders import image
from tests.cli.serving import serving
from tests.config.server_files import write_product, write_server
from tests.peers import oci_layout
from tests.scenarios.changing import until

DEFAULTS = "promotion: {environments: [{name: dev}, {name: prod}]}"
IDENTITY = "identity: {groups: {sre: [%s]}}\n"


def write(folder: Path, name: str) -> None:
    write_product(folder, name, f"artifacts: {{registry: {{uri: 'oci-layout:../{name}'}}}}\n")
    oci_layout.write(folder / name, image(name.encode()), "v1.0.0-dev")


def test_hangup_reads_the_files_again_and_names_what_needs_a_restart(tmp_path: Path) -> None:
    file = write_server(tmp_path, DEFAULTS, IDENTITY % "alice")
    write(tmp_path, "checkout")
    with serving(tmp_path, FLOE_MANIFEST=str(file)) as server:

        def products() -> set[str]:
            listed = httpx.get(f"{server.url}/api/v1/products").json()
            return {each["product"] for each in listed}

        assert products() == {"checkout"}
        write(tmp_path, "search")
        write_server(tmp_path, DEFAULTS, IDENTITY % "bob")

        server.process.send_signal(signal.SIGHUP)

        assert until(lambda: products() == {"checkout", "search"})
        said = tmp_path / "serve.log"
        assert until(lambda: "Restart floe serve: identity changed too" in said.read_text())
        assert "Reloaded: 1 opened, 1 replaced, 0 removed" in said.read_text()
        assert server.process.poll() is None
