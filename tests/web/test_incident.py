"""The incident page: recent changes of all products, locks of several, and who may see them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.scenarios.changing import until
from tests.scenarios.together import product
from tests.web.company import APPROVED, BOB, MEMBERS, Company, company, three_products, words
from tests.web.stage import ALICE, PROXY, Stage, signed_in, stage_in
from tests.web.test_pages import promoted_to_prod, refresh

REASON = "INC-42: checkout is down"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Company]:
    with three_products(tmp_path) as running:
        running.read()
        yield running


def section(page: str, name: str) -> str:
    """Return the text below the heading `name`."""
    return words(page.partition(f"<h2>{name}")[2].partition("<h2>")[0])


def lock(shop: Company, who: str = BOB, **fields: str) -> str:
    """Send the form for a lock, and return the page that follows."""
    answer = shop.post("/incident/lock", "/incident", who, reason=REASON, **fields)
    assert answer.status_code == 303
    return shop.get(answer.headers["Location"], who)


def held(shop: Company) -> list[str]:
    """Return the places that are locked, according to the registries."""
    return [
        f"{name}/{row.name}"
        for name, platform in shop.products.items()
        for row in platform.engine.status()
        if row.lock and row.lock.reason == REASON
    ]


def refused(stage: Stage, environment: str) -> list[str]:
    """Name the operators of refusals in the ledger of an environment."""
    records = [each.record for each in stage.platform.engine.history(environment)]
    return [each.operator for each in records if each.kind == "refusal"]


def test_changes_of_all_products_are_listed(shop: Company) -> None:
    search, ledger = shop.ask("search"), shop.ask("ledger", "staging")
    waiting = shop.ask("checkout")
    shop.read()

    page = shop.get("/incident")

    changed = section(page, "Recent changes")
    assert changed.index("ledger staging promoted v1.0.0 live") < changed.index("search prod")
    assert changed.count("by alice") == 2
    assert f"/p/search/changes/{search.id}" in page
    assert f"/p/ledger/changes/{ledger.id}" in page
    assert f'id="moving-{waiting.id}"' in page
    prod = section(shop.get("/incident?environment=prod"), "Recent changes")
    assert ("search prod" in prod, "ledger" in prod) == (True, False)


def test_one_form_locks_an_environment_of_every_product(shop: Company) -> None:
    page = lock(shop, product="", environment="prod")

    assert sorted(held(shop)) == ["checkout/prod", "ledger/prod", "search/prod"]
    assert "Locked: checkout/prod, ledger/prod, search/prod" in page
    assert section(page, "Locked now").count(REASON) == 3


def test_one_form_locks_every_environment_of_a_product(shop: Company) -> None:
    lock(shop, product="ledger", environment="")

    assert held(shop) == ["ledger/dev", "ledger/staging", "ledger/prod"]


def test_button_of_a_row_locks_its_place(shop: Company) -> None:
    shop.ask("search")
    shop.read()
    assert 'value="search/prod"' in shop.get("/incident")

    lock(shop, product="", environment="prod", place="search/prod")

    assert held(shop) == ["search/prod"]


def test_place_that_is_locked_already_is_named(shop: Company) -> None:
    shop.lock("ledger")

    page = lock(shop, product="", environment="prod")

    assert "Locked: checkout/prod, search/prod" in page
    assert "Not locked: ledger/prod: " in page
    assert "INC-7: down" in section(page, "Locked now")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"reason": " "}, "reason"),
        ({"for": "soon"}, "soon"),
        ({"environment": "moon"}, "No product has the environment &#39;moon&#39;"),
        ({"product": "moon"}, "Product &#39;moon&#39; does not exist"),
    ],
)
def test_wrong_form_locks_nothing(shop: Company, fields: dict[str, str], why: str) -> None:
    given = {"reason": REASON, "product": "", "environment": "prod"} | fields

    answer = shop.post("/incident/lock", "/incident", **given)

    assert why in shop.get(answer.headers["Location"])
    assert held(shop) == []


def test_form_without_an_environment_locks_nothing(shop: Company) -> None:
    assert "Choose an environment" in lock(shop)
    assert held(shop) == []


def test_form_of_another_page_locks_nothing(shop: Company) -> None:
    data = {"reason": REASON, "environment": "prod", "csrf": "0" * 64}

    forged = shop.client.post("/incident/lock", data=data, headers=signed_in(BOB))
    nobody = shop.client.post("/incident/lock", data=data)

    assert (forged.status_code, nobody.status_code) == (403, 303)
    assert held(shop) == []


def test_visitor_without_a_name_must_sign_in(shop: Company) -> None:
    assert shop.client.get("/incident").status_code == 303


def test_members_see_and_lock_their_products_only(tmp_path: Path) -> None:
    configs = [
        replace(product(tmp_path, "checkout", "prod", rules=APPROVED), web=MEMBERS),
        replace(product(tmp_path, "search", "prod"), web=MEMBERS),
    ]
    with company(*configs, web=MEMBERS) as divided:
        divided.ask("search")
        divided.ask("checkout")
        divided.lock("search")
        divided.read()

        page = divided.get("/incident")
        stranger = divided.get("/incident", "mallory")
        named = lock(divided, product="search", environment="prod")
        by_row = lock(divided, place="search/prod")
        every = lock(divided, product="", environment="prod")

        assert held(divided) == ["checkout/prod"]
    assert ("checkout" in page, "search" in page) == (True, False)
    assert ("checkout" in stranger, "search" in stranger) == (False, False)
    assert "Product &#39;search&#39; does not exist" in named
    assert "Product &#39;search&#39; does not exist" in by_row
    assert "Locked: checkout/prod" in every


def test_single_product_shows_who_deployed_and_what_was_before(behind_proxy: Stage) -> None:
    promoted_to_prod(behind_proxy)
    promoted_to_prod(behind_proxy, "v1.1.0")
    behind_proxy.roll_back("v1.0.0", "prod", "INC-9: 5xx")
    refresh(behind_proxy)

    page = behind_proxy.get("/incident?environment=prod", ALICE)

    changed = section(page, "Recent changes")
    assert "prod rolled back v1.1.0 → v1.0.0 live" in changed
    assert f"by {ALICE}, approved by bob@acme.com" in changed
    assert "INC-9: 5xx" in changed
    assert page.count("Roll back…") == 1
    assert 'href="/environments/prod/rollback"' in page


def test_rollback_of_a_promotion_returns_to_the_version_before(behind_proxy: Stage) -> None:
    promoted_to_prod(behind_proxy)
    promoted_to_prod(behind_proxy, "v1.1.0")
    refresh(behind_proxy)

    page = behind_proxy.get("/incident?environment=prod", ALICE)

    assert 'href="/environments/prod/rollback?version=v1.0.0"' in page


def test_person_without_a_right_locks_nothing(behind_proxy: Stage) -> None:
    promoted_to_prod(behind_proxy)
    refresh(behind_proxy)
    stranger = "mallory@acme.com"
    assert 'name="place"' not in behind_proxy.get("/incident?environment=prod", stranger)

    behind_proxy.post("/incident/lock", stranger, "/incident", reason=REASON, environment="prod")

    page = behind_proxy.get("/incident", stranger)
    assert f"Operator &#39;{stranger}&#39; is not authorized to lock" in page
    assert behind_proxy.platform.engine.status("prod")[0].lock is None
    assert until(lambda: refused(behind_proxy, "prod") == [stranger])


def test_lock_of_every_environment_is_refused_where_the_person_has_no_right(
    behind_proxy: Stage,
) -> None:
    stranger = "mallory@acme.com"

    behind_proxy.post("/incident/lock", stranger, "/incident", reason=REASON, environment="")

    assert "Locked: dev, staging" in behind_proxy.get("/incident", stranger)
    assert until(lambda: refused(behind_proxy, "prod") == [stranger])
    assert refused(behind_proxy, "staging") == []
    assert behind_proxy.platform.engine.status("prod")[0].lock is None


def test_lock_without_any_right_is_recorded_in_every_ledger(tmp_path: Path) -> None:
    stranger, rules = "mallory@acme.com", "authorization: {allowed_groups: [developers]}"
    guarded = f"      - {{name: dev, {rules}}}\n      - name: staging\n        {rules}\n"
    edit = ("      - name: dev\n      - name: staging\n", guarded)
    with stage_in(tmp_path, PROXY, edit=edit) as stage:
        stage.post("/incident/lock", stranger, "/incident", reason=REASON, environment="")

        page, engine = stage.get("/incident", stranger), stage.platform.engine
        assert "may not lock any environment of any product" in page
        assert until(lambda: all(refused(stage, each) == [stranger] for each in engine.path.names))
        assert [row.lock for row in engine.status()] == [None] * 3


def test_page_without_changes_says_where_to_look(shop: Company) -> None:
    page = shop.get("/incident?environment=prod")

    assert "Nothing changed in prod in the last 6 hours." in page
    assert 'href="/incident?hours=24&amp;environment=prod"' in page
    assert "in the last 24 hours" in shop.get("/incident?hours=24")
    assert "in the last 6 hours" in shop.get("/incident?hours=100000&environment=moon")


def test_unreadable_copy_is_reported(stage: Stage) -> None:
    stage.lock("prod", REASON)
    refresh(stage)
    [file] = stage.folder.rglob("records.db")
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("DROP TABLE records")

    page = stage.get("/incident")

    assert "Changes are not known until the store answers" in page
    assert REASON in section(page, "Locked now")
