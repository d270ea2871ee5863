"""compose.yaml: services, users and mounted files."""

import json
from pathlib import Path

import yaml

from engine.config import load_config
from tests.install.dockerfile import stages

ROOT = Path(__file__).parents[2]
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def test_every_mounted_file_exists_at_the_path_where_it_is_read() -> None:
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


def test_manifest_matches_the_registry_and_the_volume() -> None:
    config = load_config(ROOT / "deploy/manifest.yaml", {})
    zot = json.loads((ROOT / "deploy/zot.json").read_text())
    volumes = [volume.split(":")[1] for volume in SERVICES["floe"]["volumes"]]

    assert config.registry.host == f"registry:{zot['http']['port']}"
    assert zot["storage"]["rootDirectory"] in {
        volume.split(":")[1] for volume in SERVICES["registry"]["volumes"]
    }
    assert str(config.state_dir) in volumes


def test_floe_container_has_no_unneeded_privileges() -> None:
    floe = SERVICES["floe"]

    assert floe["read_only"] is True
    assert floe["cap_drop"] == ["ALL"]
    assert floe["security_opt"] == ["no-new-privileges:true"]
    # Without sign-in, the port must not be reachable from other machines.
    assert all(port.startswith("127.0.0.1:") for port in floe["ports"])
