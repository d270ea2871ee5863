"""The first page: what the build published, and what still blocks."""

from tests.web.stage import BOB, Stage, person


def test_a_rejected_change_blocks_nothing(stage: Stage) -> None:
    stage.publish("v1.0.0")
    stage.ask("v1.0.0", "staging")
    change = stage.ask("v1.0.0", "prod")
    assert f'id="obstacle-{change.id}"' in stage.get("/")

    stage.platform.changes.reject(change.id, person(stage.platform, BOB), "not today", "web")

    assert f'id="obstacle-{change.id}"' not in stage.get("/")


def test_the_first_environment_shows_what_the_build_published(stage: Stage) -> None:
    stage.publish("v1.9.0", "v1.10.0")

    page, [dev, staging, _prod] = stage.get("/"), stage.json("/api/v1/status")

    assert '<p class="version">v1.10.0</p>' in page
    assert (dev["published_version"], staging["published_version"]) == ("v1.10.0", None)
