"""A command is for one product of a server file: the one named, or that of the directory."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.builders import image
from tests.config.server_files import write_product, write_server
from tests.peers import oci_layout
from tests.scenarios.commands import Finished, Floe

DEFAULTS = "promotion: {environments: [{name: dev}, {name: staging}, {name: prod}]}"


def company(folder: Path, *names: str) -> Floe:
    """Write a server file in `folder` with the products `names`, which publish v1.0.0."""
    write_server(folder, DEFAULTS)
    for name in names:
        write_product(folder, name, f"artifacts: {{registry: {{uri: 'oci-layout:../{name}'}}}}\n")
        oci_layout.write(folder / name, image(name.encode()), "v1.0.0-dev")
    return Floe(folder, {"FLOE_MANIFEST": str(folder / "floe.yaml")})


def problem(ended: Finished) -> str:
    assert ended.code
    return ended.err.partition("\n")[0]


def tags(folder: Path, name: str) -> str:
    return (folder / name / "index.json").read_text()


def test_promotion_is_for_the_named_product(tmp_path: Path) -> None:
    floe = company(tmp_path, "billing", "checkout")

    done = floe.promote("v1.0.0", "staging", "--product", "checkout")

    assert done.code == 0, done.err
    assert '"v1.0.0-staging"' in tags(tmp_path, "checkout")
    assert '"v1.0.0-staging"' not in tags(tmp_path, "billing")


def test_product_may_be_named_in_the_environment(tmp_path: Path) -> None:
    floe = company(tmp_path, "billing", "checkout")
    floe.environ["FLOE_PRODUCT"] = "billing"

    assert floe.promote("v1.0.0", "staging").code == 0

    assert '"v1.0.0-staging"' in tags(tmp_path, "billing")


def test_option_counts_more_than_the_environment(tmp_path: Path) -> None:
    floe = company(tmp_path, "billing", "checkout")
    floe.environ["FLOE_PRODUCT"] = "billing"

    assert floe.promote("v1.0.0", "staging", "--product", "checkout").code == 0

    assert '"v1.0.0-staging"' not in tags(tmp_path, "billing")


@pytest.mark.parametrize(
    "arguments",
    [
        ("promote", "v1.0.0", "--to", "staging"),
        ("lock", "--env", "prod", "--reason", "INC-1"),
        ("status",),
        ("changes",),
        ("audit", "history"),
        ("audit", "verify"),
    ],
)
def test_command_without_a_product_lists_them(tmp_path: Path, arguments: Sequence[str]) -> None:
    floe = company(tmp_path, "billing", "checkout")

    refused = floe.run("platform", *arguments)

    assert refused.code == 2
    assert problem(refused).endswith(
        "floe.yaml has 2 products: name one with --product (billing, checkout)"
    )


def test_unknown_product_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    floe = company(tmp_path, "billing", "checkout")

    refused = floe.run("platform", "status", "--product", "chekcout")

    assert refused.code == 2
    assert "has no product chekcout; did you mean checkout?" in problem(refused)


def test_product_file_in_the_working_directory_chooses_its_product(tmp_path: Path) -> None:
    floe = company(tmp_path, "billing", "checkout")
    server = tmp_path / "floe.yaml"
    server.write_text(server.read_text().replace("products/*.yaml", "'*/manifest.yaml'"))
    for name in ("billing", "checkout"):
        shutil.move(tmp_path / "products" / f"{name}.yaml", tmp_path / name / "manifest.yaml")

    done = Floe(tmp_path / "checkout", floe.environ).promote("v1.0.0", "staging")

    assert done.code == 0, done.err
    assert '"v1.0.0-staging"' in tags(tmp_path, "checkout")


def test_manifest_that_the_server_file_does_not_list_chooses_no_product(tmp_path: Path) -> None:
    floe = company(tmp_path, "billing", "checkout")
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(tmp_path / "products" / "checkout.yaml", copy / "manifest.yaml")

    refused = Floe(copy, floe.environ).promote("v1.0.0", "staging")

    assert refused.code == 2
    assert '"v1.0.0-staging"' not in tags(tmp_path, "checkout")


def test_product_of_a_single_manifest_cannot_be_named(tmp_path: Path) -> None:
    floe = Floe.on("oci-layout:./registry", tmp_path)

    refused = floe.run("platform", "status", "--product", "checkout")

    assert refused.code == 2
    assert "is not a server file, so it has no product checkout: leave --product out" in refused.err


def test_broken_product_stops_only_its_own_commands(tmp_path: Path) -> None:
    floe = company(tmp_path, "billing", "checkout")
    write_product(tmp_path, "billing", "artifacts: {registry: {uri: nowhere}}\n")

    refused = floe.run("platform", "status", "--product", "billing")
    shown = floe.run("platform", "status", "--product", "checkout")

    assert refused.code == 2
    assert "billing.yaml" in problem(refused)
    assert shown.code == 0


def test_status_of_all_products_is_one_table(tmp_path: Path) -> None:
    floe = company(tmp_path, "billing", "checkout")
    assert floe.promote("v1.0.0", "staging", "--product", "checkout").code == 0
    dead = "artifacts: {registry: {uri: 'oci://127.0.0.1:9/acme/dead', insecure: true}}\n"
    write_product(tmp_path, "dead", dead)
    write_product(tmp_path, "wrong", "artifacts: {registry: {uri: nowhere}}\n")

    shown = floe.run("platform", "status", "--all")
    listed = floe.run("platform", "status", "--all", "--output", "json")

    assert (shown.code, listed.code) == (0, 0), shown.err
    lines = [line.split() for line in shown.out.splitlines()]
    assert ["checkout", "staging", "v1.0.0"] in [words[:3] for words in lines]
    assert {each["product"]: each["state"] for each in listed.document["products"]} == {
        "billing": "ready",
        "checkout": "ready",
        "dead": "unreachable",
        "wrong": "broken",
    }


def test_status_fails_when_no_product_can_be_read(tmp_path: Path) -> None:
    floe = company(tmp_path)
    write_product(
        tmp_path,
        "dead",
        "artifacts: {registry: {uri: 'oci://127.0.0.1:9/acme/dead', insecure: true}}\n",
    )

    failed = floe.run("platform", "status", "--all", "--output", "json")

    assert (failed.code, failed.document["success"]) == (5, False)
    assert failed.document["error"]["reason_code"] == "registry_unavailable"


def test_single_manifest_has_no_status_of_all_products(tmp_path: Path) -> None:
    refused = Floe.on("oci-layout:./registry", tmp_path).run("platform", "status", "--all")

    assert refused.code == 2
    assert "is not a server file: leave --all out" in refused.err


def test_commands_in_answers_name_the_product(tmp_path: Path) -> None:
    floe = company(tmp_path, "billing", "checkout")
    chosen = ("--product", "checkout")
    locked = floe.run("platform", "lock", "--env", "staging", "--reason", "INC-1", *chosen)
    assert locked.code == 0, locked.err

    refused = floe.run("platform", "promote", "v1.0.0", "--to", "staging", *chosen)
    incomplete = floe.run("platform", "unlock", "--env", "staging", *chosen)

    for each in (refused, incomplete):
        assert "floe platform unlock --product checkout --env staging --reason" in each.err


def test_commands_in_the_status_of_all_products_name_theirs(tmp_path: Path) -> None:
    floe = company(tmp_path, "billing", "checkout")
    floe.promote("v1.0.0", "staging", "--product", "checkout")
    oci_layout.write(tmp_path / "checkout", image(b"other"), "latest-staging")

    shown = floe.run("platform", "status", "--all")

    assert "floe platform restore --product checkout --env staging" in shown.out
