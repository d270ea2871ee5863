"""A product keeps the environments that versions must pass by the defaults."""

from pathlib import Path

import pytest

from tests.config.server_files import broken, load, write_product, write_server

CHAIN = """
registry: {uri: 'oci-layout:./{product}'}
promotion: {environments: [{name: dev}, {name: staging, approvals: {required: 1}}, {name: prod}]}
"""
BRANCHES = """
registry: {uri: 'oci-layout:./{product}'}
promotion:
  environments:
  - {name: dev}
  - {name: eu, after: [dev]}
  - {name: us, after: [dev]}
  - {name: prod, after: [eu, us], from: any}
"""


def server(folder: Path, defaults: str, *may_override: str) -> Path:
    return write_server(folder, f"{defaults}may_override: [{', '.join(may_override)}]")


def product(folder: Path, environments: str) -> None:
    write_product(
        folder, "checkout", f"artifacts: {{promotion: {{environments: [{environments}]}}}}"
    )


@pytest.mark.parametrize(
    "environments",
    [
        "{name: prod, after: [dev, staging]}",
        "{name: staging}, {name: fast, after: [dev]}, {name: prod, after: [staging]}",
        "{name: qa, after: [dev]}, {name: prod, after: [staging, qa]}",
        "{name: prod}, {name: archive, after: [dev]}",
        "{name: staging}, {name: qa}, {name: prod}",
    ],
)
def test_product_adds_environments_and_ways_to_them(tmp_path: Path, environments: str) -> None:
    path = server(tmp_path, CHAIN)
    product(tmp_path, environments)

    assert dict(load(path).broken) == {}


@pytest.mark.parametrize(
    ("environments", "way"),
    [
        ("{name: prod, after: [dev]}", "dev"),
        ("{name: staging}, {name: fast, after: [dev]}, {name: prod}", "fast"),
        ("{name: staging}, {name: fast, after: [dev]}", "fast"),
        (
            "{name: staging}, {name: fast, after: [dev]}, "
            "{name: prod, after: [staging, fast], from: any}",
            "staging or fast",
        ),
    ],
)
def test_product_cannot_skip_an_environment(tmp_path: Path, environments: str, way: str) -> None:
    path = server(tmp_path, CHAIN)
    product(tmp_path, environments)

    [problem] = broken(path, "checkout")

    assert problem.startswith("checkout.yaml:4: artifacts.promotion.environments[")
    assert problem.endswith(
        f"].after: is looser than the defaults of floe.yaml: prod: after goes from staging to {way}"
        ". Remove it here, or add promotion.environments.after to defaults.may_override there"
    )
    allowed = server(tmp_path, CHAIN, "promotion.environments.after")
    assert dict(load(allowed).broken) == {}


@pytest.mark.parametrize(
    ("environments", "accepted"),
    [
        ("{name: prod, from: all}", True),
        ("{name: us}, {name: qa, after: [eu]}, {name: prod, after: [qa, us]}", True),
        ("{name: eu}, {name: qa, after: [dev]}, {name: us, after: [qa]}", True),
        ("{name: prod, after: [dev, eu]}", False),
        ("{name: us}, {name: qa, after: [dev]}, {name: prod, after: [eu, qa]}", False),
    ],
)
def test_product_keeps_a_choice_of_sources(
    tmp_path: Path, environments: str, accepted: bool
) -> None:
    path = server(tmp_path, BRANCHES)
    product(tmp_path, environments)

    found = load(path).broken

    assert dict(found) == {} if accepted else "prod: after goes from eu or us to" in str(found)
    allowed = server(tmp_path, BRANCHES, "promotion.environments.after")
    assert dict(load(allowed).broken) == {}


def test_path_of_the_product_alone_has_its_own_order(tmp_path: Path) -> None:
    path = server(tmp_path, CHAIN, "promotion.environments")
    product(tmp_path, "{name: staging}, {name: dev}, {name: qa, after: [staging]}")

    assert dict(load(path).broken) == {}
