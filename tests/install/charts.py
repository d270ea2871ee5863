"""Renders deploy/chart with the real helm, and judges documents by Kubernetes's schemas."""

import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from referencing import Registry, Resource

from tests.peers.go import BIN, peer

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy/chart"
# The oldest version that the chart permits, and the newest one.
VERSIONS = ("1.27", "1.37")
Document = dict[str, Any]
MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci://harbor.example.com/acme/platform"}
web: {base_url: "https://floe.acme.com", public: true}
state: {dir: /var/lib/floe, url: "env:FLOE_STATE_URL"}
"""


def helm(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run helm in `folder`, with all its files there."""
    places = {name: str(folder / name) for name in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME")}
    return subprocess.run(
        [peer("helm"), *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)} | places,
        capture_output=True,
        text=True,
        timeout=120,
    )


def template(folder: Path, manifest: str, **values: Any) -> "subprocess.CompletedProcess[str]":
    """Render the chart as release `floe` for `manifest`, the text of manifest.yaml."""
    return helm(folder, "template", "floe", str(CHART), *_values(folder, manifest, **values))


def lint(folder: Path, manifest: str) -> "subprocess.CompletedProcess[str]":
    return helm(folder, "lint", "--strict", str(CHART), *_values(folder, manifest))


def documents(folder: Path, manifest: str, **values: Any) -> dict[str, Document]:
    """Return the rendered documents by kind."""
    rendered = template(folder, manifest, **values)
    assert rendered.returncode == 0, rendered.stderr
    return {each["kind"]: each for each in yaml.safe_load_all(rendered.stdout) if each}


def judge(document: Document, version: str) -> None:
    """Raise jsonschema.ValidationError if Kubernetes `version` does not know each field."""
    definitions, registry = _definitions(version)
    api, kind = document["apiVersion"], document["kind"]
    [name] = [name for name, each in definitions.items() if _describes(each, api, kind)]
    schema = {"$ref": f"https://kubernetes.io/api/_definitions.json#/$defs/{name}"}
    jsonschema.Draft202012Validator(schema, registry=registry).validate(document)


def pod_of(chart: dict[str, Document]) -> Document:
    spec: Document = chart["Deployment"]["spec"]["template"]["spec"]
    return spec


def containers(chart: dict[str, Document]) -> list[Document]:
    return [*pod_of(chart)["initContainers"], *pod_of(chart)["containers"]]


def _values(folder: Path, manifest: str, **values: Any) -> list[str]:
    (folder / "manifest.yaml").write_text(manifest)
    given = {"image": {"repository": "registry.example.com/floe"}, "secrets": ["floe"]} | values
    (folder / "values.json").write_text(json.dumps(given))
    text = f"manifest={folder / 'manifest.yaml'}"
    # A helm that was built from source knows no version by itself.
    return [
        *("--values", str(folder / "values.json"), "--set-file", text),
        *("--kube-version", VERSIONS[-1]),
    ]


def _describes(definition: Document, api: str, kind: str) -> bool:
    fields = definition.get("properties", {})
    known = [fields.get(name, {}).get("enum", []) for name in ("apiVersion", "kind")]
    return api in known[0] and kind in known[1]


@cache
def _definitions(version: str) -> tuple[dict[str, Document], Registry[Any]]:
    [*found] = BIN.glob(f"kubernetes-*/{version}.json")
    if not found:
        pytest.skip("schemas of Kubernetes are not there: make test-peers")
    whole = json.loads(found[-1].read_text())
    return whole["$defs"], Registry().with_resource(whole["$id"], Resource.from_contents(whole))
