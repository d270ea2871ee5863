"""The defaults of a server file, under the settings of its products."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.config.merging import fill_product, merge
from tests.config.server_files import broken, load, write_product, write_server

REGISTRY = "registry: {uri: 'oci://harbor.example.com/acme/{product}'}\n"
PATH = "promotion: {environments: [{name: dev}, {name: staging}, {name: prod}]}\n"

NAMES = st.sampled_from(["dev", "staging", "prod", "canary"])
LEAVES = st.one_of(st.booleans(), st.integers(0, 3), st.text(max_size=3), st.lists(st.integers()))
SETTINGS = st.dictionaries(
    st.sampled_from(["gates", "approvals", "lock", "type", "uri"]),
    st.recursive(LEAVES, lambda inner: st.dictionaries(st.text(max_size=2), inner, max_size=2)),
    max_size=3,
)
NAMED = st.lists(
    st.builds(lambda name, rest: {**rest, "name": name}, NAMES, SETTINGS),
    max_size=4,
    unique_by=lambda entry: str(entry["name"]),
)
ARTIFACTS = st.fixed_dictionaries(
    {},
    optional={
        "registry": SETTINGS,
        "promotion": st.fixed_dictionaries(
            {}, optional={"environments": NAMED, "policies": NAMED, "gates": SETTINGS}
        ),
    },
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(own=ARTIFACTS)
def test_empty_defaults_change_nothing(own: Any) -> None:
    assert merge({}, own) == own


@given(default=ARTIFACTS)
def test_empty_product_has_the_defaults(default: Any) -> None:
    assert merge(default, {}) == default


@given(default=ARTIFACTS, own=ARTIFACTS, exact=st.booleans())
def test_merging_twice_is_merging_once(default: Any, own: Any, exact: bool) -> None:
    once = merge(default, own, exact=exact)

    assert merge(default, once, exact=exact) == once


@given(default=ARTIFACTS, own=ARTIFACTS)
def test_merging_leaves_its_inputs_alone(default: Any, own: Any) -> None:
    before = repr((default, own))

    merge(default, own)

    assert repr((default, own)) == before


@given(default=ARTIFACTS, own=ARTIFACTS)
def test_every_environment_of_the_defaults_stays_in_order(default: Any, own: Any) -> None:
    merged = merge(default, own).get("promotion", {}).get("environments", [])

    inherited = [each["name"] for each in default.get("promotion", {}).get("environments", [])]
    assert [each["name"] for each in merged if each["name"] in inherited] == inherited or (
        own["promotion"]["environments"] == []
    )


@pytest.mark.parametrize(
    ("default", "own", "merged"),
    [
        ({"a": {"b": 1, "c": [1]}}, {"a": {"c": [2]}}, {"a": {"b": 1, "c": [2]}}),
        (
            {"gates": {"tests": {"command": "x"}}},
            {"gates": {"tests": True}},
            {"gates": {"tests": {"command": "x"}}},
        ),
        ({"tests": {"command": "x"}}, {"tests": False}, {"tests": False}),
        ({"tests": True}, {"tests": {"command": "x"}}, {"tests": {"command": "x"}}),
        (
            {"auth": {"type": "basic", "username": "a"}},
            {"auth": {"type": "token", "token": "t"}},
            {"auth": {"type": "token", "token": "t"}},
        ),
        (
            {"auth": {"type": "basic", "username": "a"}},
            {"auth": {"username": "b"}},
            {"auth": {"type": "basic", "username": "b"}},
        ),
        ({"a": {"b": 1}}, {"a": None}, {"a": None}),
    ],
)
def test_mappings_are_merged_and_other_values_replaced(default: Any, own: Any, merged: Any) -> None:
    assert merge(default, own) == merged


@pytest.mark.parametrize(
    ("own", "path"),
    [
        (["prod"], ["dev", "staging", "prod"]),
        (["staging", "canary", "prod"], ["dev", "staging", "canary", "prod"]),
        (["canary", "prod"], ["dev", "staging", "canary", "prod"]),
        (["dev", "qa", "perf"], ["dev", "qa", "perf", "staging", "prod"]),
    ],
)
def test_new_environment_stands_beside_its_neighbours(
    tmp_path: Path, own: list[str], path: list[str]
) -> None:
    server = write_server(tmp_path, REGISTRY + PATH)
    environments = ", ".join(f"{{name: {name}}}" for name in own)
    write_product(tmp_path, "a", f"artifacts: {{promotion: {{environments: [{environments}]}}}}")

    config = load(server).products["a"]

    assert [each.name for each in config.path.environments] == path


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (["canary"], "needs an environment of the defaults beside it: dev, staging, prod"),
        (["prod", "staging"], "has another order than the defaults: dev → staging → prod"),
    ],
)
def test_unclear_place_on_the_path_is_refused(tmp_path: Path, own: list[str], said: str) -> None:
    server = write_server(tmp_path, REGISTRY + PATH)
    environments = ", ".join(f"{{name: {name}}}" for name in own)
    write_product(tmp_path, "a", f"artifacts: {{promotion: {{environments: [{environments}]}}}}")

    assert broken(server, "a") == [f"a.yaml:4: artifacts.promotion.environments: {said}"]


def test_product_has_its_own_path_where_it_may(tmp_path: Path) -> None:
    server = write_server(
        tmp_path,
        REGISTRY
        + "may_override: [promotion.environments]\n"
        + "promotion: {environments: [{name: dev}, {name: staging}, "
        + "{name: prod, approvals: {required: 1}}]}",
    )
    write_product(
        tmp_path, "a", "artifacts: {promotion: {environments: [{name: dev}, {name: prod}]}}"
    )
    write_product(tmp_path, "b", "artifacts: {}")

    a, b = load(server).products.values()

    assert [(e.name, e.approvals.required) for e in a.path.environments] == [
        ("dev", 0),
        ("prod", 1),
    ]
    assert [each.name for each in b.path.environments] == ["dev", "staging", "prod"]


def test_registry_of_the_defaults_has_the_name_of_the_product(tmp_path: Path) -> None:
    server = write_server(
        tmp_path,
        REGISTRY
        + """\
        promotion:
          secondary_registries: [{uri: "oci://backup.example.com/{product}"}]
          audit: {backend: s3, url: "s3://audit/{product}"}
        """.replace("        promotion", "promotion").replace("\n        ", "\n"),
    )
    write_product(tmp_path, "checkout", "artifacts: {}")

    config = load(server).products["checkout"]

    assert config.registry.reference == "harbor.example.com/acme/checkout"
    assert [each.reference for each in config.secondaries] == ["backup.example.com/checkout"]
    assert getattr(config.audit, "url", "") == "s3://audit/checkout"


def test_paths_start_at_the_file_that_has_them(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("server")
    (tmp_path / "server.pub").write_text("server")
    server = write_server(
        tmp_path,
        """
        registry:
          uri: oci-layout:./{product}
          tls: {ca_file: ca.pem}
          verification: {public_keys: [server.pub], enforcement: enforce}
        promotion: {secondary_registries: [{uri: "oci-layout:./copy-{product}"}]}
        may_override: [registry.verification]
        """,
    )
    (tmp_path / "products" / "own.pub").write_text("own")
    write_product(tmp_path, "a", "artifacts: {registry: {verification: {enforcement: warn}}}")
    own = "{registry: {uri: oci-layout:./b, verification: {public_keys: [own.pub]}}}"
    write_product(tmp_path, "b", f"artifacts: {own}")

    a, b = load(server).products.values()

    assert a.registry.reference == f"{tmp_path}/a"
    assert a.secondaries[0].reference == f"{tmp_path}/copy-a"
    assert b.registry.reference == f"{tmp_path}/products/b"
    assert a.verification is not None
    assert b.verification is not None
    assert [key.path for key in a.verification.public_keys] == [tmp_path / "server.pub"]
    assert [key.path for key in b.verification.public_keys] == [tmp_path / "products/own.pub"]


def test_products_share_the_objects_of_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "server.pub").write_text("server")
    server = write_server(
        tmp_path,
        REGISTRY.replace("}\n", ", verification: {public_keys: [server.pub]}}\n"),
    )
    for name in ("a", "b"):
        write_product(tmp_path, name, "artifacts: {}")

    a, b = load(server).products.values()

    assert a.verification is b.verification is not None


def test_error_in_an_inherited_setting_names_the_server_file(tmp_path: Path) -> None:
    server = write_server(
        tmp_path,
        REGISTRY + "promotion:\n  environments:\n  - name: dev\n  - name: prod\n"
        "    gates: {tests: true}\n",
    )
    own = (
        "artifacts:\n  promotion:\n    environments:\n    - {name: prod, approvals: {required: 99}}"
    )
    write_product(tmp_path, "a", own + "\n")

    assert broken(server, "a") == [
        "a.yaml:7: artifacts.promotion.environments[0].approvals.required: must be at most 50",
        "floe.yaml:10: defaults.promotion.environments[1].gates.tests: is on but has no command: "
        "give it one, here or in artifacts.promotion.gate_commands.tests",
    ]


def test_values_without_the_name_of_a_product_stay_the_same_objects() -> None:
    defaults = {"registry": {"uri": "oci://h/{product}", "tls": {"verify": True}}, "promotion": {}}

    filled = fill_product(defaults, "checkout")

    assert filled["registry"]["uri"] == "oci://h/checkout"
    assert filled["registry"]["tls"] is defaults["registry"]["tls"]
    assert filled["promotion"] is defaults["promotion"]


@pytest.mark.parametrize(
    ("own", "place"),
    [
        ("true", "artifacts"),
        ("{registry: true}", "artifacts.registry"),
        ("{registry: {verification: true}}", "artifacts.registry.verification"),
        ("{promotion: true}", "artifacts.promotion"),
        ("{promotion: {gates: true}}", "artifacts.promotion.gates"),
        ("{promotion: {gate_commands: true}}", "artifacts.promotion.gate_commands"),
        (
            "{promotion: {environments: [{name: prod, approvals: true}]}}",
            "artifacts.promotion.environments[0].approvals",
        ),
    ],
)
def test_true_keeps_only_gates_of_the_defaults(tmp_path: Path, own: str, place: str) -> None:
    path = write_server(
        tmp_path,
        REGISTRY + "promotion:\n  environments:\n  - name: dev\n"
        "  - {name: prod, approvals: {required: 1}, gates: {tests: {command: pytest}}}\n"
        "  gates: {tests: {command: pytest}}\n  gate_commands: {tests: pytest}\n",
    )
    write_product(tmp_path, "a", f"artifacts: {own}\n")

    assert broken(path, "a") == [f"a.yaml:4: {place}: must be a mapping"]
