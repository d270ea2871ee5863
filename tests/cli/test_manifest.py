"""`floe manifest check` lists all mistakes in configuration files."""

from pathlib import Path

from tests.config.server_files import write_product, write_server
from tests.scenarios.commands import Floe

CEL = "{registry: {uri: oci-layout:r}, promotion: {policies: [{name: a, rule: '1 +'}]}}"


def test_valid_files_are_named_with_their_products(tmp_path: Path) -> None:
    write_server(tmp_path)
    write_product(tmp_path, "checkout")
    write_product(tmp_path, "search")

    said = Floe(tmp_path).run("manifest", "check", "floe.yaml", "products/search.yaml")
    document = Floe(tmp_path, {"FLOE_MANIFEST": "floe.yaml"}).run(
        "manifest", "check", "--output", "json"
    )

    assert said.code == 0
    assert said.out.splitlines()[:-1] == ["floe.yaml is valid: 2 products"]
    assert "WARNING: search: signatures are not verified" in said.err
    assert document.document["success"] is True
    assert document.document["files"] == [{"file": "floe.yaml", "products": ["checkout", "search"]}]
    assert document.document["problems"] == []


def test_all_mistakes_in_all_files_have_their_line(tmp_path: Path) -> None:
    write_server(tmp_path)
    write_product(tmp_path, "cel", f"artifacts: {CEL}")
    write_product(tmp_path, "good")
    write_product(tmp_path, "wrong", "web: {}\nartifacts: {registry: {uri: x}}")
    (tmp_path / "products" / "syntax.yaml").write_text("a: [\n")
    floe = Floe(tmp_path)

    said = floe.run("manifest", "check", "floe.yaml", "none.yaml", "products/wrong.yaml")
    document = floe.run("manifest", "check", "floe.yaml", "--output", "json")

    assert said.code == document.code == 2
    assert said.err.splitlines()[1:-1] == [
        "Not valid: 5 problems in 4 files",
        "none.yaml: no such file; name one with --manifest, or make one with floe init",
        "products/cel.yaml:4: artifacts.promotion.policies[0].rule: policy 'a' does not compile: "
        "line 1, column 4: Syntax error: mismatched input '<EOF>'",
        "products/syntax.yaml:2: not valid YAML: while parsing a flow node, did not find expected "
        "node content",
        "products/wrong.yaml:4: web: belongs in the server file, floe.yaml: remove it here",
        "products/wrong.yaml:5: artifacts.registry.uri: must be oci://host[:port]/repository or "
        "oci-layout:DIRECTORY",
    ]
    assert document.document["files"] == [{"file": "floe.yaml", "products": ["good"]}]
    assert document.document["error"]["message"] == "4 problems in 3 files"
    places = [(each["file"], each["line"]) for each in document.document["problems"]]
    assert places == [
        ("products/cel.yaml", 4),
        ("products/syntax.yaml", 2),
        ("products/wrong.yaml", 4),
        ("products/wrong.yaml", 5),
    ]


def test_secrets_need_not_be_there(tmp_path: Path) -> None:
    secret = "registry: {uri: 'oci://h.example/{product}', auth: {type: token, token_env: TOKEN}}"
    write_server(tmp_path, secret)
    write_product(tmp_path, "checkout", "artifacts: {}")

    assert Floe(tmp_path).run("manifest", "check", "floe.yaml").code == 0


def test_single_manifest_is_checked_too(tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").write_text(
        f"apiVersion: floe.dev/v1\nkind: Manifest\nartifacts: {CEL}\n"
    )

    said = Floe(tmp_path).run("manifest", "check")

    assert said.code == 2
    assert said.err.splitlines()[1].startswith(
        "manifest.yaml:3: artifacts.promotion.policies[0].rule: policy 'a' does not compile"
    )
