"""compose.yaml and compose.replicas.yaml: services, users and mounted files."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from engine.config import load_config
from tests.install.dockerfile import stages

ROOT = Path(__file__).parents[2]
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
REPLICAS = yaml.safe_load((ROOT / "compose.replicas.yaml").read_text())
SHARING = REPLICAS["services"]
SERVERS = {name: each for name, each in SHARING.items() if name.startswith("floe-")}


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


def test_replicas_run_like_the_single_server_without_its_volume_and_port() -> None:
    floe = SERVICES["floe"]
    own = {"image", "depends_on", "volumes", "environment", "tmpfs"}

    assert len(SERVERS) == 2
    for server in SERVERS.values():
        assert {key: server[key] for key in floe.keys() - own - {"ports"}} == {
            key: floe[key] for key in floe.keys() - own - {"ports"}
        }
        assert server.keys() - floe.keys() <= own
        assert server["environment"].items() >= floe["environment"].items()
        # A state directory has one server: each container has its own, in memory.
        assert [volume.split(":")[1] for volume in server["volumes"]] == ["/etc/floe/manifest.yaml"]
        assert any(place.startswith("/var/lib/floe:") for place in server["tmpfs"])


def test_manifest_of_the_replicas_differs_by_the_database_only() -> None:
    [mounted] = {server["volumes"][0].split(":")[0] for server in SERVERS.values()}
    manifest = yaml.safe_load((ROOT / mounted).read_text())
    single = yaml.safe_load((ROOT / "deploy/manifest.yaml").read_text())

    assert manifest["state"].pop("url") == "env:FLOE_STATE_URL"
    assert manifest == single


def test_replicas_reach_the_database_with_its_user_and_password() -> None:
    [environ] = [server["environment"] for name, server in SERVERS.items() if name == "floe-1"]
    written = re.sub(r"\$\{POSTGRES_PASSWORD[^}]*\}", "a-password", environ["FLOE_STATE_URL"])
    url = urlsplit(written)
    database = SHARING[url.hostname or ""]

    config = load_config(ROOT / "deploy/manifest.replicas.yaml", {"FLOE_STATE_URL": written})

    assert config.state_url is not None
    assert (url.username, url.path.strip("/")) == (
        database["environment"]["POSTGRES_USER"],
        database["environment"]["POSTGRES_DB"],
    )
    # Without a password, compose refuses to start, with the words after the question mark.
    assert database["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")
    assert url.password == "a-password"


def test_services_and_volumes_of_the_replicas_are_declared() -> None:
    extended = SHARING["registry"]["extends"]
    registry = yaml.safe_load((ROOT / extended["file"]).read_text())["services"][
        extended["service"]
    ]
    volumes = [
        volume.split(":")[0]
        for service in [registry, *SHARING.values()]
        for volume in service.get("volumes", [])
    ]

    assert {name for name in volumes if not name.startswith("./")} == {*REPLICAS["volumes"]}
    assert all((ROOT / name).is_file() for name in volumes if name.startswith("./"))
    for service in SHARING.values():
        assert {*service.get("depends_on", [])} <= {*SHARING}


def test_proxy_alone_is_published_and_forwards_to_each_replica() -> None:
    proxy = SHARING["proxy"]
    settings = (ROOT / "deploy/haproxy.cfg").read_text()
    [bound] = re.findall(r"^\s+bind :(\d+)$", settings, re.MULTILINE)

    assert [name for name, service in SHARING.items() if "ports" in service] == ["proxy"]
    assert proxy["ports"] == [f"127.0.0.1:{bound}:{bound}"]
    assert re.findall(r"^\s+server (\S+) (\S+):8080$", settings, re.MULTILINE) == [
        (name, name) for name in SERVERS
    ]
