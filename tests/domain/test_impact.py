"""The impact of a rollback: breaking changes, products, versions, time and recommendations."""

from datetime import timedelta

import pytest

from engine.domain.impact.analysis import impact_analysis
from engine.domain.impact.content import Content
from engine.domain.impact.json_values import JSON
from tests.domain.impact_contents import BARE, NOW, content, impact
from tests.domain.records import a_rollback


@pytest.mark.requirement("FR-016")
def test_the_versions_undone_are_newest_first_with_the_time_since_the_oldest():
    undone = [("v1.2.3", NOW - timedelta(days=3)), ("v1.2.4", NOW - timedelta(hours=1))]

    found = impact_analysis(content(), content(), undone, NOW)

    assert found.versions_undone == ("v1.2.4", "v1.2.3")
    assert found.seconds_undone == 3 * 24 * 3600
    assert (
        "Check the other changes of v1.2.4, v1.2.3: 2 versions are undone" in found.recommendations
    )


def test_without_undone_versions_there_is_no_time():
    found = impact_analysis(content(), content(), [], NOW)

    assert (found.versions_undone, found.seconds_undone) == ((), None)


def test_undone_time_is_never_negative():
    found = impact_analysis(content(), content(), [("v1", NOW + timedelta(seconds=5))], NOW)

    assert found.seconds_undone == 0


@pytest.mark.requirement("FR-016")
def test_recommendations_name_what_was_found():
    current: JSON = {
        "product": {"name": "Sales mart"},
        "limits": {"memory": "1Gi"},
        "x": 1,
        "models": [{"name": "stg"}, {"name": "orders", "depends_on": ["stg"]}],
        "contracts": {"orders": "2.0.0"},
    }
    target: JSON = {
        "product": {"name": "Sales mart"},
        "limits": {"memory": 1},
        "models": [{"name": "orders", "depends_on": ["stg"]}],
        "contracts": {"orders": "1.0.0"},
    }

    found = impact(current, target)

    assert set(found.recommendations) == {
        "Check consumers of limits.memory before rolling back: its type changes",
        "Check consumers of x before rolling back: it is removed",
        "Check consumers of stg before rolling back: the model is removed",
        "Check that users of the contract orders work with 1.0.0 before rolling back",
        "Inform the owners of: Sales mart, orders",
    }


@pytest.mark.requirement("FR-016")
def test_equal_content_has_no_breaking_changes():
    found = impact({"product_id": "p", "x": 1}, {"product_id": "p", "x": 2})

    assert found.breaking_changes == ()
    assert found.recommendations == (
        "No breaking change was found in the content that could be compared",
    )


def test_artifacts_without_json_have_unknown_breaking_changes():
    found = impact_analysis(content(), content(), [], NOW)

    assert found.recommendations == (
        "There was no JSON content to compare: breaking changes are unknown",
    )


def test_with_several_documents_paths_begin_with_the_document():
    current = content(compiled_json={"config": {"x": 1}}, other_json={}, gone_json={})
    target = content(compiled_json={"config": {}}, other_json=[])

    found = impact_analysis(current, target, [], NOW)

    assert found.breaking_changes == (
        "Removed content: gone.json",
        "Removed field: compiled.json: config.x",
        "Changed type: other.json (dict -> list)",
    )


def test_unread_document_of_the_target_is_not_removed():
    current = content(big_json={"models": [{"name": "orders"}]})
    target = Content(BARE, unread={"big.json": "larger than 1 MiB (2000000 bytes)"})

    found = impact_analysis(current, target, [], NOW)

    assert found.breaking_changes == ()
    assert found.not_compared == ("layer big.json: larger than 1 MiB (2000000 bytes)",)
    assert (
        "Check the content that could not be compared (1) before rolling back"
        in found.recommendations
    )


def test_unreadable_target_removes_nothing():
    found = impact_analysis(content(a_json={"x": 1}), Content(BARE, opaque="an\nindex"), [], NOW)

    assert found.breaking_changes == ()
    assert found.not_compared == ("the target artifact: an\\nindex",)


def test_long_lists_end_with_a_count():
    many: JSON = {f"key{n}": n for n in range(1000)}
    products: JSON = {"products": [f"p{n:04}" for n in range(500)]}

    fields, affected = impact(many, {}), impact(products, products)

    assert len(fields.breaking_changes) == 201
    assert fields.breaking_changes[-1] == "…and 800 more"
    assert len(fields.recommendations) == 11
    assert fields.recommendations[-1] == "Check the other 990 breaking changes as well"
    assert len(affected.affected_products) == 201
    assert affected.affected_products[-1] == "…and 300 more"


def test_control_characters_in_names_are_escaped():
    current = content(a_json={"product": "evil\x1b[2J", "models": [{"name": "a\nb"}]})
    target = Content(BARE, {"a.json": {"models": []}}, unread={"\r.tar": "not JSON"})

    found = impact_analysis(current, target, [("v1\u202e", NOW)], NOW)

    assert found.affected_products == ("evil\\x1b[2J",)
    assert "Removed model: a\\nb" in found.breaking_changes
    assert found.not_compared == ("layer \\r.tar: not JSON",)
    assert found.versions_undone == ("v1\\u202e",)


def test_analysis_survives_a_round_trip_through_its_record():
    found = impact({"a": {"b": 1}, "product": "p\ud800"}, {"a": {}})

    record = a_rollback(impact_analysis=found)

    assert type(record).model_validate_json(record.to_bytes()).impact_analysis == found
