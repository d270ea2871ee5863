"""The impact on compiled artifacts: models, their dependents, versions and products."""

import pytest

from engine.domain.impact.analysis import impact_analysis
from engine.domain.impact.content import Content
from engine.domain.impact.json_values import JSON
from engine.domain.impact.models import find_models
from engine.domain.impact.products import merge_spellings
from engine.domain.manifest import ManifestView
from tests.domain.impact_contents import BARE, NOW, breaking, content, impact

CHAIN: list[JSON] = [
    {"name": "stg_orders", "depends_on": ["raw_orders"]},
    {"name": "orders", "depends_on": ["stg_orders"]},
    {"name": "revenue", "depends_on": ["orders", "customers"]},
    {"name": "customers", "depends_on": None},
]


@pytest.mark.requirement("FR-016")
@pytest.mark.parametrize("place", ["models", "transforms"])
def test_removed_model_is_listed_with_its_dependents(place):
    def compiled(models: list[JSON]) -> JSON:
        return {"models": models} if place == "models" else {"transforms": {"models": models}}

    found = impact(compiled(CHAIN), compiled(CHAIN[1:]))

    assert found.breaking_changes == ("Removed model: stg_orders (needed by: orders, revenue)",)
    assert found.affected_products == ("orders", "revenue")


def test_removed_model_without_dependents_lists_none():
    assert breaking({"models": [{"name": "a"}]}, {"models": []}) == ["Removed model: a"]


def test_circular_models_end_the_search():
    circle: list[JSON] = [
        {"name": "a", "depends_on": ["b", "a"]},
        {"name": "b", "depends_on": "a"},
    ]

    assert breaking({"models": circle}, {"models": []}) == [
        "Removed model: a (needed by: b)",
        "Removed model: b (needed by: a)",
    ]


def test_model_is_not_its_own_dependent():
    current: JSON = {"models": [{"name": "a", "depends_on": ["a"], "rows": 1}]}
    target: JSON = {"models": [{"name": "a", "depends_on": ["a"], "rows": 2}]}

    assert impact(current, target).affected_products == ()


def test_a_search_for_dependents_stops_at_its_limit():
    models = find_models([{"models": CHAIN}])

    assert models.downstream(["raw_orders"], limit=2) == ["stg_orders", "orders"]


@pytest.mark.parametrize(("before", "after"), [(1, True), (1, 1.0), ([1], [1, 1]), ({}, [])])
def test_any_difference_in_json_changes_a_model(before, after):
    current: JSON = [{"name": "a", "x": before}, {"name": "b", "depends_on": ["a"]}]
    target: JSON = [{"name": "a", "x": after}, {"name": "b", "depends_on": ["a"]}]

    assert impact({"models": current}, {"models": target}).affected_products == ("b",)


def test_removed_model_lists_at_most_twenty_dependents():
    models: list[JSON] = [{"name": "base"}]
    models += [{"name": f"m{n:03}", "depends_on": ["base"]} for n in range(30)]

    (line,) = breaking({"models": models}, {"models": models[1:]})

    assert line.startswith("Removed model: base (needed by: m000, m001, ")
    assert line.endswith("m019, …and more)")


def test_changed_model_affects_its_dependents_without_a_breaking_change():
    changed: JSON = {"name": "orders", "depends_on": ["stg_orders"], "sql": "select 2"}

    found = impact({"models": CHAIN}, {"models": [CHAIN[0], changed, *CHAIN[2:]]})

    assert found.breaking_changes == ()
    assert found.affected_products == ("revenue",)


def test_model_in_another_document_is_not_removed():
    current = content(a_json={"models": CHAIN}, b_json={})
    target = content(a_json={"models": CHAIN[:2]}, b_json={"models": CHAIN[2:]})

    found = impact_analysis(current, target, [], NOW)

    assert not [line for line in found.breaking_changes if line.startswith("Removed model")]


@pytest.mark.requirement("FR-016")
@pytest.mark.parametrize(
    ("section", "line"),
    [
        ([{"name": "orders", "version": "{}"}], "contract version: orders"),
        ({"orders": "{}"}, "contract version: orders"),
        ({"orders": {"version": "{}"}}, "contract version: orders"),
    ],
)
@pytest.mark.parametrize("key", ["contracts", "data_contracts"])
def test_a_contract_of_a_lower_major_version_is_breaking(section, line, key):
    found = breaking({key: _at(section, "2.1.0")}, {key: _at(section, "1.4.0")})

    assert found == [f"Lowered {line} (2.1.0 -> 1.4.0)"]


@pytest.mark.requirement("FR-016")
@pytest.mark.parametrize(
    ("section", "name"),
    [
        ({"compute": {"name": "duckdb", "version": "{}"}}, "compute/duckdb"),
        ({"compute": {"type": "duckdb", "version": "{}"}}, "compute/duckdb"),
        ({"compute": [{"name": "duckdb", "version": "{}"}]}, "compute/duckdb"),
        ({"compute": "{}"}, "compute"),
        ([{"type": "compute", "name": "duckdb", "version": "{}"}], "compute/duckdb"),
        ([{"name": "duckdb", "version": "{}"}], "duckdb"),
    ],
)
def test_a_plugin_of_a_lower_major_version_is_breaking(section, name):
    found = breaking({"plugins": _at(section, "2.0.0")}, {"plugins": _at(section, "1.9.1")})

    assert found == [f"Lowered plugin version: {name} (2.0.0 -> 1.9.1)"]


@pytest.mark.parametrize(
    ("before", "after"),
    [("2.1.0", "2.0.9"), ("1.0.0", "2.0.0"), ("v10", "v10.1"), ("new", "1"), ("9" * 5000, "1")],
)
def test_version_without_a_lower_major_number_breaks_nothing(before, after):
    assert breaking({"contracts": {"orders": before}}, {"contracts": {"orders": after}}) == []


@pytest.mark.parametrize(("before", "after"), [("v10.0.0", "v9.9.9"), ("2-rc.1", "1")])
def test_major_numbers_are_compared_as_numbers(before, after):
    found = breaking({"contracts": {"orders": before}}, {"contracts": {"orders": after}})

    assert found == [f"Lowered contract version: orders ({before} -> {after})"]


@pytest.mark.requirement("FR-016")
def test_products_of_both_artifacts_are_affected():
    current: JSON = {
        "product": {"id": "sales-mart", "name": "Sales mart"},
        "products": ["risk", {"id": 7}],
    }
    target: JSON = {
        "product_id": "old-mart",
        "product_name": "Old mart",
        "metadata": {"product_name": "from metadata", "product_version": "1.0.0"},
        "identity": {"product_id": "default.sales"},
    }

    found = impact(current, target)

    expected = "7|Old mart|Sales mart|default.sales|from metadata|old-mart|risk|sales-mart"
    assert found.affected_products == tuple(expected.split("|"))


def test_name_and_id_of_a_product_are_one_line():
    names = ["Sales mart", "risk", "sales-mart", "sales_mart", "…and 3 more"]

    assert merge_spellings(names) == ["Sales mart (sales-mart, sales_mart)", "risk", "…and 3 more"]


def test_products_are_found_in_the_annotations_as_well():
    view = ManifestView(
        schema_version=2, annotations={"io.floe.product.name": "Sales", "io.floe.other": "no"}
    )

    found = impact_analysis(Content(view), Content(BARE), [], NOW)

    assert found.affected_products == ("Sales",)


@pytest.mark.parametrize(
    "odd",
    [
        {"models": {"name": "x"}, "transforms": [1], "plugins": 3, "contracts": "x"},
        {"models": [1, None, {"name": True}, {"name": ["x"]}, {"depends_on": [{}, 1.5]}]},
        {"products": [True, None], "product_name": False, "product": {"id": True}},
        {"plugins": {"compute": None, "x": [1, {}]}, "contracts": [None, {"name": "x"}]},
        {"product": [1], "products": {"a": 1}, "metadata": "x", "product_id": 1e300},
    ],
)
def test_malformed_entries_are_skipped(odd):
    found = impact(odd, odd)

    assert found.breaking_changes == ()
    assert found.affected_products == ()


def _at(section: JSON, version: str) -> JSON:
    """Fill `version` into `section` in place of {}."""
    if isinstance(section, dict):
        return {key: _at(value, version) for key, value in section.items()}
    if isinstance(section, list):
        return [_at(value, version) for value in section]
    return version if section == "{}" else section
