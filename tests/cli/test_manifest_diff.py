"""`floe manifest diff` says which rules are looser or stricter in another file."""

from pathlib import Path

import pytest

from tests.config.server_files import write_product, write_server
from tests.manifests import manifest
from tests.scenarios.commands import Floe


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    (tmp_path / "old.yaml").write_text(manifest(required=2))
    (tmp_path / "looser.yaml").write_text(
        manifest(expires="8h").replace("gates: {tests: true}", "gates: {tests: {command: make}}")
    )
    (tmp_path / "stricter.yaml").write_text(manifest(required=3))
    return Floe(tmp_path)


def test_looser_stricter_and_other_rules_are_listed(floe: Floe) -> None:
    said = floe.run("manifest", "diff", "old.yaml", "looser.yaml")

    assert said.code == 0
    assert said.out.splitlines()[:-1] == [
        "Rules: 2 looser, 0 stricter, 1 changed otherwise",
        "looser: prod: approvals.required goes from 2 to 1",
        "looser: prod: approvals.expires_after goes from 14400 to 28800 (in seconds)",
        "other: staging: gates.tests.command goes from [true] to [make]",
    ]


def test_looser_rule_fails_only_on_request(floe: Floe) -> None:
    looser = floe.run("manifest", "diff", "old.yaml", "looser.yaml", "--fail-if-looser")
    document = floe.run(
        "manifest", "diff", "old.yaml", "looser.yaml", "--fail-if-looser", "--output", "json"
    )
    stricter = floe.run("manifest", "diff", "old.yaml", "stricter.yaml", "--fail-if-looser")
    same = floe.run("manifest", "diff", "old.yaml", "old.yaml", "--fail-if-looser")

    assert looser.code == document.code == 8
    assert "looser: prod: approvals.required goes from 2 to 1" in looser.out
    assert document.document["success"] is False
    assert document.document["error"]["message"] == "2 rules are looser in looser.yaml"
    assert stricter.code == 0
    assert stricter.out.splitlines()[:-1] == [
        "Rules: 0 looser, 1 stricter, 0 changed otherwise",
        "stricter: prod: approvals.required goes from 2 to 3",
    ]
    assert same.code == 0
    assert same.out.splitlines()[:-1] == ["Rules: 0 looser, 0 stricter, 0 changed otherwise"]


def test_document_has_each_rule_with_its_place(floe: Floe) -> None:
    document = floe.run(
        "manifest", "diff", "old.yaml", "stricter.yaml", "--output", "json"
    ).document

    assert document["success"] is True
    assert [document[kind] for kind in ("looser", "stricter", "other")] == [0, 1, 0]
    (product,) = document["products"]
    assert (product["product"], product["state"]) == ("", "compared")
    assert product["before"] != product["after"]
    assert product["changes"] == [
        {
            "kind": "stricter",
            "environment": "prod",
            "rule": "approvals.required",
            "text": "prod: approvals.required goes from 2 to 3",
        }
    ]


def test_products_are_compared_by_name(tmp_path: Path) -> None:
    strict = "promotion: {environments: [{name: dev, approvals: {required: 1}}]}"
    for folder, products in (("old", ("checkout", "gone")), ("new", ("checkout", "search"))):
        (tmp_path / folder).mkdir()
        write_server(tmp_path / folder, strict if folder == "old" else "")
        for name in products:
            write_product(
                tmp_path / folder,
                name,
                f"artifacts: {{registry: {{uri: oci-layout:./{name}}}, "
                "promotion: {environments: [{name: dev}]}}\n",
            )

    said = Floe(tmp_path).run("manifest", "diff", "old/floe.yaml", "new/floe.yaml")

    assert said.out.splitlines()[:-1] == [
        "Rules: 1 looser, 0 stricter, 0 changed otherwise",
        "removed: gone",
        "added: search",
        "looser: checkout: dev: approvals.required goes from 1 to 0",
    ]


def test_file_that_is_not_valid_is_an_error(tmp_path: Path) -> None:
    write_server(tmp_path)
    write_product(tmp_path, "good")
    write_product(tmp_path, "bad", "web: {}\nartifacts: {registry: {uri: x}}")

    said = Floe(tmp_path).run("manifest", "diff", "floe.yaml", "floe.yaml")

    assert said.code == 2
    assert "Not compared: " in said.err
    assert "bad.yaml" in said.err


def test_way_around_an_environment_is_looser(tmp_path: Path) -> None:
    floe = Floe(tmp_path)
    for name, way in (("old", ""), ("new", "{name: fast, after: [dev]}, ")):
        (tmp_path / name).mkdir()
        path = f"{{environments: [{{name: dev}}, {{name: staging}}, {way}{{name: prod}}]}}"
        write_server(tmp_path / name)
        own = f"artifacts: {{registry: {{uri: 'oci-layout:r'}}, promotion: {path}}}"
        write_product(tmp_path / name, "checkout", own)

    said = floe.run("manifest", "diff", "old/floe.yaml", "new/floe.yaml", "--fail-if-looser")

    assert said.code == 8
    assert "looser: checkout: prod: after goes from staging to fast" in said.out


def test_check_refuses_a_product_that_skips_an_environment(tmp_path: Path) -> None:
    defaults = "promotion: {environments: [{name: dev}, {name: staging}, {name: prod}]}"
    write_server(tmp_path, defaults)
    own = "registry: {uri: 'oci-layout:r'}, promotion: {environments: [{name: prod, after: [dev]}]}"
    write_product(tmp_path, "checkout", f"artifacts: {{{own}}}")

    said = Floe(tmp_path).run("manifest", "check", "floe.yaml")

    assert said.code == 2
    assert "is looser than the defaults of floe.yaml: prod: after goes from staging to dev" in (
        said.out + said.err
    )
