"""Commands on registries that require authentication."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

from tests.builders import image
from tests.peers import docker_registry as docker
from tests.peers import skopeo
from tests.scenarios.commands import Finished, Floe

REPOSITORY = "acme/platform"
BASIC = {"WWW-Authenticate": 'Basic realm="registry"'}
GUARDED = "{environments: [{name: dev, authorization: {}}, {name: prod}]}"
USERS = "identity: {registry_users: {verified: true}}\n"
FREE = "{environments: [{name: dev}, {name: prod}]}"


def login(folder: Path, host: str, user: str, password: str) -> str:
    """Write a docker configuration with these credentials, and return its folder."""
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    target = folder / "docker"
    target.mkdir(exist_ok=True)
    (target / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return str(target)


def command(folder: Path, uri: str, promotion: str = FREE, rest: str = "", **environ: str) -> Floe:
    """`floe` on the registry `uri`, without credentials unless DOCKER_CONFIG names some."""
    (folder / "nothing").mkdir(exist_ok=True)
    settings = {"DOCKER_CONFIG": str(folder / "nothing")} | environ
    floe = Floe.on(uri, folder, promotion, **settings)
    with (folder / "manifest.yaml").open("a") as manifest:
        manifest.write(dedent(rest))
    return floe


def operator_of(floe: Floe, result: Finished) -> tuple[str, str, bool]:
    """Return name, ID and verification of the operator in a finished promotion's record."""
    assert result.code == 0, result.err
    shown = floe.run("platform", "status", "--env", "dev", "--history", "1", "--output", "json")
    record = shown.document[0]["history"][0]
    return record["operator"], record["operator_id"], record["identity_verified"]


@contextmanager
def guarded_registry(folder: Path) -> Iterator[docker.DockerRegistry]:
    """A real registry that admits only alice, with v1.0.0 in it."""
    with docker.docker_registry(folder, htpasswd=True) as registry:
        credentials = f"{docker.USER}:{docker.PASSWORD}"
        skopeo.push(registry.host, REPOSITORY, image(), "v1.0.0", credentials)
        yield registry
