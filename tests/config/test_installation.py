"""Server files with several products."""

from pathlib import Path

import pytest

from engine.config import load_config, load_installation, load_product
from engine.domain.errors import ConfigError, UsageError
from tests.config.manifest_files import manifest
from tests.config.server_files import broken, load, write_product, write_server

SHARED = """
identity: {groups: {sre: [a@acme.com, b@acme.com]}}
slack: {channel: C01DEPLOY}
web: {base_url: "https://floe.acme.com"}
state: {dir: data}
"""


def test_manifest_is_one_product_without_a_name(tmp_path: Path) -> None:
    path = tmp_path / "manifest.yaml"
    path.write_text(manifest(rest="metadata: {name: Any Name, owner: 7}"))

    installation = load_installation(path, {})

    assert not installation.several
    assert dict(installation.products) == {"": load_config(path, {})}
    assert installation.server is installation.products[""]
    assert not installation.broken
    assert installation.products[""].owner is None


def test_product_has_the_sections_of_the_server(tmp_path: Path) -> None:
    path = write_server(tmp_path, rest=SHARED)
    own = "artifacts: {registry: {uri: oci-layout:./registry}}"
    write_product(tmp_path, "checkout", own)
    (tmp_path / "products/search.yaml").write_text(
        "apiVersion: floe.dev/v1\nkind: Manifest\nmetadata: {name: search, owner: team-find}\n"
        "artifacts: {registry: {uri: oci-layout:./search}}\n"
    )

    installation = load(path)

    checkout, search = installation.products.values()
    assert installation.several
    assert (checkout.product, checkout.owner) == ("checkout", None)
    assert (search.product, search.owner) == ("search", "team-find")
    assert checkout.registry.reference == f"{tmp_path}/products/registry"
    assert checkout.state_dir == tmp_path / "data" == installation.server.state_dir
    assert checkout.file == tmp_path / "products/checkout.yaml"
    for config in (checkout, search):
        assert config.identity is installation.server.identity
        assert config.web is installation.server.web
        assert config.slack is installation.server.slack
        assert config.ledger is installation.server.ledger


def test_files_are_sorted_and_each_counts_once(tmp_path: Path) -> None:
    path = write_server(tmp_path)
    text = path.read_text()
    path.write_text(text.replace("[products/*.yaml]", "[products/b.yaml, 'products/*', no/*]"))
    for name in ("c", "a", "b"):
        write_product(tmp_path, name)
    (tmp_path / "products" / ".d.yaml.swp").write_text("not a product")
    (tmp_path / "products" / "folder").mkdir()

    installation = load(path)

    assert list(installation.products) == ["b", "a", "c"]
    assert not installation.broken
    assert installation.warnings[0] == f"{path}: no file matches no/* of products"


def test_warnings_name_their_product(tmp_path: Path) -> None:
    path = write_server(tmp_path, rest="web: {public: true}\n")
    write_product(tmp_path, "checkout")

    assert load(path).warnings == (
        "checkout: signatures are not verified: artifacts.registry.verification is not configured",
        "the web page is public without sign-in: everyone who reaches it can read it",
    )


def test_wrong_product_file_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    path = write_server(tmp_path)
    write_product(tmp_path, "good")
    write_product(tmp_path, "bad", "artifacts: {registry: {uri: ftp://x}}")
    (tmp_path / "products" / "syntax.yaml").write_text("a: [")
    (tmp_path / "products" / "unnamed.yaml").write_text("apiVersion: floe.dev/v1\nkind: Manifest\n")

    installation = load(path)

    assert list(installation.products) == ["good"]
    assert list(installation.broken) == ["bad", "syntax", "unnamed"]
    assert "not valid YAML" in str(installation.broken["syntax"])
    assert broken(path, "bad") == [
        "bad.yaml:4: artifacts.registry.uri: must be oci://host[:port]/repository or "
        "oci-layout:DIRECTORY"
    ]
    assert broken(path, "unnamed") == [
        "unnamed.yaml:1: metadata: is missing: the name of the product: metadata.name",
        "unnamed.yaml:1: artifacts.registry: is missing: the registry of the artifacts",
    ]
    assert installation.broken["syntax"].details["file"] == f"{tmp_path}/products/syntax.yaml"


def test_two_files_with_one_name_are_refused(tmp_path: Path) -> None:
    path = write_server(tmp_path)
    first = write_product(tmp_path, "checkout", file="1")
    own = "artifacts: {registry: {uri: oci-layout:./other}}"
    second = write_product(tmp_path, "checkout", own, file="2")

    installation = load(path)

    assert not installation.products
    assert [str(each) for each in installation.broken.values()] == [
        f"{first}:3: metadata.name: checkout is the product of {second} too",
        f"{second}:3: metadata.name: checkout is the product of {first} too",
    ]


def test_broken_file_does_not_take_the_name_of_a_good_one(tmp_path: Path) -> None:
    path = write_server(tmp_path)
    write_product(tmp_path, "checkout", "artifacts: 7", file="aaa")
    write_product(tmp_path, "checkout")

    installation = load(path)

    assert list(installation.products) == ["checkout"]
    assert list(installation.broken) == ["aaa"]


@pytest.mark.parametrize(
    ("own", "path"),
    [
        ("{registry: {uri: 'oci://HARBOR.example.com:443/acme/a'}}", "registry"),
        (
            "{registry: {uri: oci-layout:r}, promotion: "
            "{secondary_registries: [{uri: oci-layout:s}, {uri: 'oci://harbor.example.com/acme/a'}]}}",
            "promotion.secondary_registries[1]",
        ),
    ],
)
def test_two_products_with_one_repository_are_refused(tmp_path: Path, own: str, path: str) -> None:
    server = write_server(tmp_path)
    write_product(tmp_path, "a", "artifacts: {registry: {uri: 'oci://harbor.example.com/acme/a'}}")
    write_product(tmp_path, "b", f"artifacts: {own}")

    assert not load(server).products
    assert broken(server, "a") == [
        "a.yaml:4: artifacts.registry.uri: is the repository of the product b too"
    ]
    assert broken(server, "b") == [
        f"b.yaml:4: artifacts.{path}.uri: is the repository of the product a too"
    ]


def test_two_spellings_of_one_directory_are_one_repository(tmp_path: Path) -> None:
    path = write_server(tmp_path)
    write_product(tmp_path, "a", "artifacts: {registry: {uri: oci-layout:./r}}")
    write_product(tmp_path, "b", "artifacts: {registry: {uri: oci-layout:../products/r}}")

    assert list(load(path).broken) == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("products:", "product:"), "{path}: 2 problems"),
        (("[products/*.yaml]", "[]"), "{path}:3: products: is empty: name at least one"),
        (("[products/*.yaml]", "[a]\nartifacts: {}"), "{path}:4: artifacts: unknown"),
        (
            ("[products/*.yaml]", "[a]\ndefaults: {promotion: {default_timeout: 1}}"),
            "{path}:4: defaults.promotion.default_timeout: must be at least 30",
        ),
        (
            ("[products/*.yaml]", "[a]\ndefaults: {promotion: {default_timout: 60}}"),
            "{path}:4: defaults.promotion.default_timout: unknown; did you mean default_timeout?",
        ),
        (
            (
                "[products/*.yaml]",
                "[a]\ndefaults:\n  promotion:\n    environments:\n    - name: a\n    - name: a",
            ),
            "{path}:8: defaults.promotion.environments[1].name: there already is an environment "
            "named a",
        ),
        (
            ("[products/*.yaml]", "[a]\nidentity:\n  groups: {a: [], A: []}"),
            "{path}:5: identity.groups.A: A and a are one name",
        ),
    ],
)
def test_wrong_server_file_is_refused(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    path = write_server(tmp_path)
    path.write_text(path.read_text().replace(*change))
    write_product(tmp_path, "checkout")

    with pytest.raises(ConfigError) as caught:
        load(path)

    assert str(caught.value).startswith(said.format(path=path))


def test_product_that_is_asked_for_is_loaded(tmp_path: Path) -> None:
    path = write_server(tmp_path)
    write_product(tmp_path, "checkout")
    assert load_product(path, {}, None).product == "checkout"
    write_product(tmp_path, "search")
    write_product(tmp_path, "bad", "artifacts: 7")

    assert load_product(path, {}, "search").product == "search"
    with pytest.raises(UsageError, match=r"has 3 products: name one with --product \(checkout"):
        load_product(path, {}, None)
    with pytest.raises(UsageError, match=r"has no product serch; did you mean search\?"):
        load_product(path, {}, "serch")
    with pytest.raises(ConfigError, match=r"bad.yaml:4: artifacts: must be a mapping"):
        load_product(path, {}, "bad")


def test_manifest_has_no_products_to_ask_for(tmp_path: Path) -> None:
    path = tmp_path / "manifest.yaml"
    path.write_text(manifest())

    assert load_product(path, {}, None).product == ""
    with pytest.raises(UsageError, match="is not a server file, so it has no product checkout"):
        load_product(path, {}, "checkout")
