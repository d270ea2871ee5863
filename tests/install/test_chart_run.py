"""The Helm chart: its documented command, and the real floe with its commands and its manifest."""

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from cli.serve import serve
from engine.config import load_config
from tests.builders import image
from tests.cli.serving import serving
from tests.docs.commands import commands_of, shell_blocks
from tests.install.charts import (
    CHART,
    MANIFEST,
    ROOT,
    VERSIONS,
    Document,
    containers,
    documents,
    helm,
    pod_of,
)
from tests.install.dockerfile import stages
from tests.peers import raw
from tests.peers.postgres import PostgresProcess
from tests.scenarios.commands import Floe
from tests.store.databases import new_schema
from web.lifecycle import refuse_strangers

pytestmark = pytest.mark.peers


def test_documented_command_creates_the_documented_names(tmp_path: Path) -> None:
    [block] = [block for block in shell_blocks() if "helm upgrade" in block.text]
    lines = [shlex.split(command.line) for command in commands_of(block)]
    [install] = [line for line in lines if line[0] == "helm"]
    [secret] = [line[4] for line in lines if line[:2] == ["kubectl", "create"]]
    [(deployment, container)] = [
        (line[2], line[4]) for line in lines if line[:2] == ["kubectl", "exec"]
    ]
    (tmp_path / "manifest.yaml").write_text(MANIFEST)

    words = [str(CHART) if word == "deploy/chart" else word for word in install[3:]]
    rendered = helm(tmp_path, "template", *words, "--kube-version", VERSIONS[-1])
    named = {d["kind"]: d for d in yaml.safe_load_all(rendered.stdout) if d}

    assert rendered.returncode == 0, rendered.stderr
    assert f"deployment/{named['Deployment']['metadata']['name']}" == deployment
    assert [each["name"] for each in pod_of(named)["containers"]] == [container]
    for each in containers(named):
        assert each["envFrom"] == [{"secretRef": {"name": secret}}]


@pytest.fixture
def pod(
    tmp_path: Path,
    registry_host: str,
    repository: str,
    postgres_server: PostgresProcess,
) -> Iterator[tuple[Floe, Document, Document]]:
    """The migration and the server of a pod, with its files in a directory of this machine."""
    raw.push(registry_host, repository, image(b"one"), "v1.0.0-dev")
    manifest = MANIFEST.replace("harbor.example.com/acme/platform", f"{registry_host}/{repository}")
    manifest = manifest.replace("state: {", f"state: {{schema: {new_schema()}, ")
    rendered = documents(tmp_path, manifest)
    [*_, final] = stages(ROOT / "Dockerfile")
    [migration], [server] = pod_of(rendered)["initContainers"], pod_of(rendered)["containers"]
    mounts = {each["name"]: each["mountPath"] for each in server["volumeMounts"]}

    assert final.environ["FLOE_MANIFEST"] == f"{mounts['manifest']}/manifest.yaml"
    assert final.environ["FLOE_LOCK_DIR"] == final.workdir == mounts["state"]
    [(name, text)] = rendered["ConfigMap"]["data"].items()
    folder = tmp_path / "etc"
    # Kubernetes mounts links to a directory, which it replaces when the ConfigMap changes.
    (folder / "..data").mkdir(parents=True)
    (folder / name).symlink_to(f"..data/{name}")
    (folder / name).write_text(text.replace(mounts["state"], str(tmp_path / "state")))
    yield Floe(folder, {"FLOE_STATE_URL": postgres_server.url}), migration, server
    shutil.rmtree(tmp_path / "state", ignore_errors=True)


def test_floe_accepts_the_commands_the_manifest_and_the_probes(
    pod: tuple[Floe, Document, Document],
) -> None:
    floe, migration, container = pod
    command, *arguments = container["args"]
    probes = [container[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")]
    [port] = container["ports"]

    migrated = floe.run(*migration["args"])
    with serving(floe.folder, **floe.environ) as server:
        answers = [httpx.get(f"{server.url}{probe['path']}").status_code for probe in probes]
    given = serve.make_context(command, arguments).params
    refuse_strangers(load_config(floe.folder / "manifest.yaml", floe.environ), given["host"])

    assert migrated.code == 0, migrated.err
    assert "changes: version" in migrated.out
    assert answers == [200, 200, 200]
    assert {probe["port"] for probe in probes} == {port["name"]}
    assert (command, given["port"]) == ("serve", port["containerPort"])
