"""The version matrix."""

import re

from tests.web.stage import Stage


def test_versions_are_sorted_in_any_order_of_arrival(stage: Stage) -> None:
    stage.publish("v1.9.0", "v1.10.0", "v1.2.0")
    for version in ("v1.2.0", "v1.9.0", "v1.10.0"):
        stage.ask(version, "staging")
    stage.roll_back("v1.2.0", "staging")

    page = stage.get("/history")

    assert shown(page) == ["v1.10.0", "v1.9.0", "v1.2.0"]


def shown(page: str) -> list[str]:
    return re.findall(r'<th [^>]*scope="row"><a[^>]*>([^<]+)<', page)


def test_versions_without_records_are_in_the_grid_page_by_page(stage: Stage) -> None:
    stage.publish(*(f"v1.{number}.0" for number in range(60)))
    stage.ask("v1.3.0", "staging")

    first = stage.get("/history")
    older = re.search(r'rel="next" href="([^"]+)">Older versions', first)
    assert older
    second = stage.get(older[1].replace("&amp;", "&"))

    # The first page has running versions, too.
    assert shown(first) == [*(f"v1.{number}.0" for number in range(59, 39, -1)), "v1.3.0"]
    assert shown(second) == [f"v1.{number}.0" for number in range(39, 19, -1)]
    assert "<small>60</small>" in first


def test_quarantined_version_is_marked(stage: Stage) -> None:
    stage.publish("v1.0.0", "v1.1.0")
    stage.ask("v1.0.0", "staging")
    stage.ask("v1.1.0", "staging")
    stage.roll_back("v1.0.0", "staging")

    page = stage.get("/history")

    assert '<span class="chip bad">quarantined</span>' in page


def test_first_card_lists_the_newest_versions(stage: Stage) -> None:
    assert "Newest versions" not in stage.get("/")
    stage.publish(*(f"v1.{number}.0" for number in range(8)))
    stage.site.platform.engine.versions.expire()
    stage.ask("v1.6.0", "staging")
    stage.site.board.expire()

    page = stage.get("/")

    assert re.findall(r'id="version-([^"]+)"', page) == [f"v1.{n}.0" for n in range(7, 2, -1)]
    assert "live in staging; can go to prod" in page
    assert "published; can go to staging" in page
    assert "All 8 versions" in page

    stage.ask("v1.6.0", "prod")
    stage.site.board.expire()

    page = stage.get("/")

    assert "live in staging; on the way to prod" in page
    assert "can go to prod" not in page


def test_new_build_shows_after_an_event_of_the_registry(stage: Stage) -> None:
    stage.publish("v1.0.0")
    stage.get("/history")
    stage.publish("v1.1.0")

    assert shown(stage.get("/history")) == ["v1.0.0"]
    stage.site.platform.engine.versions.expire()
    assert shown(stage.get("/history")) == ["v1.1.0", "v1.0.0"]


def test_grid_keeps_recorded_versions_while_the_registry_is_down(stage: Stage) -> None:
    stage.publish("v1.0.0", "v1.1.0")
    stage.ask("v1.0.0", "staging")
    stage.get("/history")
    (stage.folder / "registry").rename(stage.folder / "away")
    stage.site.board.expire()
    stage.site.platform.engine.versions.expire()

    known = stage.get("/history")
    # A server that starts now knows no listing.
    del vars(stage.platform.engine)["versions"]
    recorded = stage.get("/history")

    assert shown(known) == ["v1.1.0", "v1.0.0"]
    assert shown(recorded) == ["v1.0.0"]
