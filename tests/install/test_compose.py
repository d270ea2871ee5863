"""compose.yaml: what it starts, as whom, with which files."""

import json
from pathlib import Path

import yaml

from engine.config import load_config
from tests.install.dockerfile import stages

ROOT = Path(__file__).parents[2]
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def test_every_file_that_is_mounted_is_there_and_lands_where_it_is_read() -> None:
    mounted = {
        target: ROOT / source
        for service in SERVICES.values()
        for source, target, *_ in (volume.split(":") for volume in service["volumes"])
        if source.startswith("./")
    }
    [*_, final] = stages(ROOT / "Dockerfile")

    assert all(path.is_file() for path in mounted.values())
    assert final.environ["FLOE_MANIFEST"] in mounted
    assert SERVICES["registry"]["command"][1] in mounted


def test_the_manifest_fits_the_registry_and_the_volume_beside_it() -> None:
    config = load_config(ROOT / "deploy/manifest.yaml", {})
    zot = json.loads((ROOT / "deploy/zot.json").read_text())
    volumes = [volume.split(":")[1] for volume in SERVICES["floe"]["volumes"]]

    assert config.registry.host == f"registry:{zot['http']['port']}"
    assert zot["storage"]["rootDirectory"] in {
        volume.split(":")[1] for volume in SERVICES["registry"]["volumes"]
    }
    assert str(config.state_dir) in volumes


def test_floe_may_do_nothing_it_does_not_need() -> None:
    floe = SERVICES["floe"]

    assert floe["read_only"] is True
    assert floe["cap_drop"] == ["ALL"]
    assert floe["security_opt"] == ["no-new-privileges:true"]
    # Nobody signs in here, so nobody else may reach it.
    assert all(port.startswith("127.0.0.1:") for port in floe["ports"])
