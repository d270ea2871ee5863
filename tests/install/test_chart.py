"""The Helm chart: valid for Kubernetes, without privileges and without secrets."""

import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.install.charts import (
    CHART,
    MANIFEST,
    ROOT,
    VERSIONS,
    Document,
    containers,
    documents,
    judge,
    lint,
    pod_of,
    template,
)
from tests.install.dockerfile import stages

# Every branch of the templates.
EVERYTHING: dict[str, Any] = {
    "imagePullSecrets": [{"name": "registry"}],
    "replicas": 3,
    "secrets": ["floe", "slack"],
    "secretFiles": ["ledger-key"],
    "serviceAccountName": "floe",
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "ci", "operator": "Exists"}],
    "networkPolicy": {"from": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}]},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
}
_WORKLOADS = {"ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service"}


@pytest.fixture
def chart(tmp_path: Path) -> dict[str, Document]:
    return documents(tmp_path, MANIFEST)


def test_values_without_a_manifest_and_an_image_are_refused() -> None:
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())

    errors = [*jsonschema.Draft7Validator(schema).iter_errors(defaults)]
    missing = {".".join(map(str, error.absolute_path)) for error in errors}

    assert missing == {"image.repository", "manifest"}


def test_readme_explains_every_value() -> None:
    readme = (CHART / "README.md").read_text()
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    names = [
        f"{name}.{inner}"
        for name, value in defaults.items()
        for inner in (value if name in ("image", "networkPolicy", "serviceMonitor") else ())
    ]
    names += [name for name in defaults if not any(n.startswith(f"{name}.") for n in names)]

    assert [name for name in names if f"`{name}`" not in readme] == []


def test_chart_has_the_version_of_floe() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert chart["appVersion"] == chart["version"] == project["version"]


@pytest.mark.peers
def test_chart_passes_the_linter(tmp_path: Path) -> None:
    linted = lint(tmp_path, MANIFEST)

    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.peers
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_documents_are_valid_for_kubernetes(
    tmp_path: Path, values: dict[str, Any], version: str
) -> None:
    rendered = documents(tmp_path, MANIFEST, **values)

    # The type of the Prometheus operator is not one of Kubernetes.
    monitor = rendered.pop("ServiceMonitor", None)
    for document in rendered.values():
        judge(document, version)
    assert rendered.keys() == _WORKLOADS
    assert (monitor is not None) == bool(values)


@pytest.mark.peers
def test_schemas_refuse_an_unknown_field(chart: dict[str, Document]) -> None:
    pod_of(chart)["containers"][0]["readynessProbe"] = {}

    with pytest.raises(jsonschema.ValidationError, match="readynessProbe"):
        judge(chart["Deployment"], VERSIONS[-1])


@pytest.mark.peers
def test_containers_have_no_privileges_and_a_read_only_root(chart: dict[str, Document]) -> None:
    pod = pod_of(chart)
    [*_, final] = stages(ROOT / "Dockerfile")
    user, group = map(int, final.user.split(":"))

    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": group,
        "fsGroup": group,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert pod["automountServiceAccountToken"] is False
    for container in containers(chart):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"].keys() == {"memory"}


@pytest.mark.peers
def test_two_pods_are_spread_and_kept_during_evictions_and_upgrades(
    chart: dict[str, Document],
) -> None:
    spec = chart["Deployment"]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    [spread] = pod_of(chart)["topologySpreadConstraints"]

    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert spread["topologyKey"] == "kubernetes.io/hostname"
    assert chart["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1
    for selector in (
        spec["selector"]["matchLabels"],
        spread["labelSelector"]["matchLabels"],
        chart["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        chart["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        chart["Service"]["spec"]["selector"],
    ):
        assert selector.items() <= labels.items()


@pytest.mark.peers
def test_secrets_are_references(tmp_path: Path) -> None:
    rendered = documents(tmp_path, MANIFEST, **EVERYTHING)
    volumes = {each["name"]: each for each in pod_of(rendered)["volumes"]}

    assert "Secret" not in rendered
    assert rendered["ConfigMap"]["data"] == {"manifest.yaml": MANIFEST}
    for container in containers(rendered):
        assert container["envFrom"] == [
            {"secretRef": {"name": "floe"}},
            {"secretRef": {"name": "slack"}},
        ]
        assert "env" not in container
        mounted = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
        assert mounted["secret-ledger-key"] == "/run/secrets/ledger-key"
    assert volumes["secret-ledger-key"]["secret"]["secretName"] == "ledger-key"


@pytest.mark.peers
def test_connections_are_limited(chart: dict[str, Document]) -> None:
    policy = chart["NetworkPolicy"]["spec"]
    ports = [port["port"] for rule in policy["egress"] for port in rule["ports"]]

    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["ingress"] == [
        {"from": [{"podSelector": {}}], "ports": [{"protocol": "TCP", "port": "http"}]}
    ]
    assert ports == [53, 53, 443, 5432]


@pytest.mark.peers
def test_empty_section_is_a_default(tmp_path: Path) -> None:
    documents(tmp_path, "web:\n" + MANIFEST.replace("web: {", "other: {"))


@pytest.mark.peers
def test_pod_ends_after_services_left_it_out(chart: dict[str, Document]) -> None:
    pod = pod_of(chart)

    assert pod["containers"][0]["lifecycle"] == {"preStop": {"exec": {"command": ["sleep", "5"]}}}
    assert pod["terminationGracePeriodSeconds"] == 45


@pytest.mark.peers
def test_pods_restart_when_the_manifest_changes(tmp_path: Path, chart: dict[str, Document]) -> None:
    changed = documents(tmp_path, MANIFEST + "slack: {channel: C01DEPLOY}\n")

    def mark(rendered: dict[str, Document]) -> str:
        metadata = rendered["Deployment"]["spec"]["template"]["metadata"]
        return str(metadata["annotations"]["checksum/manifest"])

    assert re.fullmatch("[0-9a-f]{64}", mark(chart))
    assert mark(chart) != mark(changed)


@pytest.mark.peers
@pytest.mark.parametrize(
    ("manifest", "values", "said"),
    [
        (MANIFEST.replace("url:", "schema:"), {}, "manifest has no state.url"),
        (MANIFEST.replace("dir: /var/lib/floe, ", ""), {}, "must set state.dir: /var/lib/floe"),
        ("a: [", {}, "manifest is not YAML"),
        ("", {}, "manifest"),
        ("state:\n", {}, "manifest has no state.url"),
        (MANIFEST, {"secretFiles": ["ledger.key"]}, "secretFiles"),
        (MANIFEST, {"replicaCount": 2}, "replicaCount"),
        (MANIFEST, {"image": {"tag": "0.1.0"}}, "repository"),
    ],
)
def test_mistakes_are_named(
    tmp_path: Path, manifest: str, values: dict[str, Any], said: str
) -> None:
    refused = template(tmp_path, manifest, **values)

    assert refused.returncode != 0
    assert said in refused.stderr
