"""Published versions: their order, their places by tags and status, and where they can go next."""

import pytest

from engine.domain.artifact import Digest, Tag
from engine.domain.environment import Environment
from engine.domain.errors import RegistryUnavailableError
from engine.domain.path import PromotionPath
from engine.domain.state import EMPTY, EnvironmentState
from engine.domain.status import EnvironmentStatus
from engine.domain.versions import (
    Presence,
    VersionTags,
    newest_first,
    page_of,
    place_versions,
    read_version_tags,
    select_versions,
    version_order,
)

DIGEST = f"sha256:{'a' * 64}"
PATH = PromotionPath(tuple(map(Environment, ("dev", "staging", "prod"))))
JOINED = PromotionPath(
    (
        Environment("dev"),
        Environment("eu"),
        Environment("us", after=("dev",)),
        Environment("prod", after=("eu", "us")),
    )
)
EITHER = PromotionPath(
    (*JOINED.environments[:3], Environment("prod", after=("eu", "us"), any_source=True))
)


def tags(*names: str, path: PromotionPath = PATH, removed: tuple[str, ...] = ()) -> VersionTags:
    return read_version_tags(path, map(Tag, names), removed)


def row(name: str, version: str | None = None) -> EnvironmentStatus:
    """An environment that runs `version`."""
    if version is None:
        return EnvironmentStatus(name, EMPTY, None, None)
    state = EnvironmentState(version=version, digest=DIGEST, record="r", highest=version)
    return EnvironmentStatus(name, state, Digest(DIGEST), None)


def status(path: PromotionPath = PATH, **running: str) -> tuple[EnvironmentStatus, ...]:
    return tuple(row(name, running.get(name)) for name in path.names)


def following(found: VersionTags, path: PromotionPath = PATH, **running: str) -> dict[str, str]:
    rows = place_versions(path, found, status(path, **running), found.environments)
    return {each.version: " ".join(each.promotable_to) for each in rows}


def test_versions_are_sorted_and_other_texts_come_first() -> None:
    found = sorted(
        ["v1.10.0", "v1.9.0", "moon", "v1.10.0-rc.1", "v1.10.0-rc.beta"], key=version_order
    )

    assert found == ["moon", "v1.9.0", "v1.10.0-rc.1", "v1.10.0-rc.beta", "v1.10.0"]
    assert newest_first(["moon", "v1.9.0", "v1.10.0", "v1.9.0"]) == ("v1.10.0", "v1.9.0", "moon")


def test_tags_of_builds_environments_and_rollbacks_name_versions() -> None:
    found = tags(
        *("v1.0.0", "v1.0.0-dev", "v1.0.0-staging", "v1.0.0-staging-rollback-2", "v1.2.0"),
        *("latest", "latest-dev", "floe-head.dev", f"sha256-{'a' * 64}", "nightly", "v1.1.0-dev"),
    )

    assert list(found.environments.items()) == [
        ("v1.2.0", {"none"}),
        ("v1.1.0", {"dev"}),
        ("v1.0.0", {"none", "dev", "staging"}),
    ]
    assert found.rolled_back == {"staging"}
    assert (found.newest_in("dev"), found.newest_in("prod")) == ("v1.1.0", None)


def test_tags_of_removed_environments_are_no_versions() -> None:
    names = ("v1.0.0-qa", "v1.0.0-qa-rollback-1", "v1.0.0-rc.1", "v1.0.0-dev")

    assert set(tags(*names, removed=("qa", "dev")).environments) == {"v1.0.0", "v1.0.0-rc.1"}
    assert "v1.0.0-qa" in tags(*names).environments


def test_pages_continue_after_the_last_version_even_if_it_is_gone() -> None:
    versions = ("v1.3.0", "v1.2.0", "v1.1.0", "moon")

    assert page_of(versions, 2, None) == ("v1.3.0", "v1.2.0")
    assert page_of(versions, 2, "v1.2.0") == ("v1.1.0", "moon")
    assert page_of(versions, 2, "v1.2.5") == ("v1.2.0", "v1.1.0")
    assert page_of(versions, 2, "moon") == ()


def test_running_versions_without_tags_are_listed_too() -> None:
    found = tags("v1.0.0-dev", "v1.1.0-dev", "v1.0.0-staging")

    assert select_versions(found, status(prod="v1.0.5")) == ("v1.1.0", "v1.0.5", "v1.0.0")
    assert select_versions(found, status(prod="v1.0.5"), "prod") == ("v1.0.5",)
    assert select_versions(found, status(), "staging") == ("v1.0.0",)


def test_places_say_where_a_version_is_and_was() -> None:
    found = tags("v1.0.0-dev", "v1.0.0-staging", "v1.0.0-prod", "v1.1.0-dev", "v1.1.0-staging")
    rows = status(staging="v1.1.0", prod="v1.0.0")

    newer, older = place_versions(PATH, found, rows, ("v1.1.0", "v1.0.0"))

    assert [each.presence for each in newer.places] == ["published", "live", "never reached"]
    assert [each.presence for each in older.places] == ["published", "was here", "live"]
    assert newer.description == "live in staging"
    assert older.description == "live in prod; was in staging"


def test_version_was_in_the_first_environment_if_it_was_promoted_there() -> None:
    found = tags("v1.0.0", "v1.0.0-dev", "v1.1.0", "v1.1.0-dev")

    _newer, older = place_versions(PATH, found, status(dev="v1.1.0"), ("v1.1.0", "v1.0.0"))

    assert older.places[0].presence is Presence.WAS


def test_environment_that_cannot_be_read_is_unknown_and_no_target() -> None:
    broken = EnvironmentStatus(
        "staging", EMPTY, None, None, error=RegistryUnavailableError("no answer")
    )

    (found,) = place_versions(PATH, tags("v1.0.0-dev"), (row("dev"), broken), ("v1.0.0",))

    assert [each.presence for each in found.places] == ["published", "unknown", "unknown"]
    assert found.promotable_to == ()


def test_version_can_go_to_the_next_environment_that_runs_nothing_newer() -> None:
    found = tags("v1.0.0", "v1.1.0-dev", "v1.2.0-dev", "v1.2.0-staging", "v1.3.0-dev")

    assert following(found, staging="v1.2.0") == {
        "v1.3.0": "staging",
        "v1.2.0": "prod",
        "v1.1.0": "",
        "v1.0.0": "dev",
    }


@pytest.mark.parametrize(("path", "targets"), [(JOINED, "us"), (EITHER, "us prod")])
def test_join_needs_all_or_any_of_its_sources(path: PromotionPath, targets: str) -> None:
    found = tags("v1.0.0-dev", "v1.0.0-eu", path=path)

    assert following(found, path, eu="v1.0.0") == {"v1.0.0": targets}


def test_version_that_was_left_cannot_go_on() -> None:
    found = tags("v1.0.0-dev", "v1.0.0-staging", "v1.0.0-staging-rollback-1")
    rows = status(staging="v0.9.0")

    (left,) = place_versions(PATH, found, rows, ("v1.0.0",), {("v1.0.0", "staging")})
    (was,) = place_versions(PATH, found, rows, ("v1.0.0",))

    assert (left.description, left.promotable_to) == ("rolled back in staging", ())
    assert (was.description, was.promotable_to) == ("was in staging", ("prod",))
