"""The last reports of deployments, in every kind of database."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.adapters.store.deployments import MOST_TARGETS, SqlDeployments
from engine.domain.deployments import Deployment, Health
from engine.domain.errors import UsageError
from tests.store.databases import Databases
from tests.store.stores import MINUTE, NOON

REPORT = Deployment("eu-1", "sha256:" + "a" * 64, Health.PROGRESSING, NOON)


def test_newest_report_of_each_target_is_kept(databases: Databases) -> None:
    store = SqlDeployments(databases.state(), "checkout")
    healthy = replace(REPORT, health=Health.HEALTHY, at=NOON + MINUTE)

    added = [store.add("prod", each, NOON) for each in (REPORT, healthy, healthy, REPORT)]

    assert added == [True, True, False, False]
    assert SqlDeployments(databases.state(), "checkout").all() == {"prod": (healthy,)}


def test_products_and_environments_are_separate(databases: Databases) -> None:
    store, other = (SqlDeployments(databases.state(), name) for name in ("checkout", ""))

    store.add("prod", REPORT, NOON)
    other.add("staging", REPORT, NOON)

    assert (store.of("prod"), store.of("staging")) == ((REPORT,), ())
    assert other.all() == {"staging": (REPORT,)}


def test_target_without_a_report_in_the_month_before_the_promotion_is_forgotten(
    databases: Databases,
) -> None:
    store = SqlDeployments(databases.state())
    store.add("prod", REPORT, NOON)
    later = NOON + timedelta(days=31)

    store.add("prod", replace(REPORT, target="eu-2", at=later), NOON)
    kept = [each.target for each in store.of("prod")]
    store.add("prod", replace(REPORT, target="eu-2", at=later + MINUTE), later)

    assert kept == ["eu-1", "eu-2"]

    assert [each.target for each in store.of("prod")] == ["eu-2"]


def test_number_of_targets_is_bounded(databases: Databases) -> None:
    store = SqlDeployments(databases.state())
    for number in range(MOST_TARGETS):
        store.add("prod", replace(REPORT, target=f"eu-{number}"), NOON)

    with pytest.raises(UsageError, match="prod has 200 targets already"):
        store.add("prod", replace(REPORT, target="one-more"), NOON)

    assert store.add("prod", replace(REPORT, target="eu-7", at=NOON + MINUTE), NOON)
