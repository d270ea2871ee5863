"""Versions are read from tags and status: few requests, also after a long history."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from bench.proxy import counting
from engine.api import Engine
from engine.domain.errors import RegistryError, UsageError
from engine.domain.parsing import parse_rollback_request
from engine.ports import Registry
from tests.conftest import Place
from tests.peers import raw
from tests.scenarios.engines import ALICE, TRACE_ID, ProgressLog, engine_on, promote
from tests.scenarios.verbs import artifact, build_and_promote, release, roll_back


def described(engine: Engine, **options: str) -> dict[str, str]:
    page = engine.versions.page(engine.status(), 20, **options)
    return {each.version: each.description for each in page.rows}


def leave(engine: Engine, version: str) -> None:
    """Roll staging back to `version` without a quarantine."""
    request = parse_rollback_request(
        engine.path, version, "staging", ALICE, TRACE_ID, "INC-1", quarantine=False
    )
    assert engine.run(request, ProgressLog()).error is None


def test_versions_without_any_record_are_listed(place: Place, engine: Engine) -> None:
    place.push(artifact("v1.1.0"), "v1.1.0-dev")
    place.push(artifact("v1.2.0"), "v1.2.0")
    build_and_promote(place, engine, "v1.0.0")

    page = engine.versions.page(engine.status(), 2)

    assert [each.version for each in page.rows] == ["v1.2.0", "v1.1.0"]
    assert [each.promotable_to for each in page.rows] == [("dev",), ("staging",)]
    assert (page.total, page.next) == (3, "v1.1.0")
    assert described(engine, after="v1.1.0") == {"v1.0.0": "live in staging"}


def test_rollback_with_and_without_quarantine_shows(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    roll_back(engine, "v1.0.0")
    build_and_promote(place, engine, "v1.2.0")
    leave(engine, "v1.0.0")

    assert described(engine, environment="staging") == {
        "v1.2.0": "rolled back in staging",
        "v1.1.0": "quarantined in staging",
        "v1.0.0": "live in staging",
    }

    assert release(engine, "v1.1.0").error is None
    assert described(engine)["v1.1.0"] == "was in staging"


def test_promotion_ends_that_a_version_is_rolled_back(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    leave(engine, "v1.0.0")
    assert described(engine)["v1.1.0"] == "rolled back in staging"

    assert promote(engine, "v1.1.0", "staging").error is None
    build_and_promote(place, engine, "v1.2.0")

    assert described(engine)["v1.1.0"] == "was in staging"


def test_requests_do_not_grow_with_the_history(
    registry_host: str, repository: str, opened: Callable[[str, str], Registry], tmp_path: Path
) -> None:
    asked = []
    with counting(registry_host, 0) as (proxied, count):
        remote = Place(opened(proxied, repository), partial(raw.push, registry_host, repository))
        for last in (3, 12):
            with engine_on(remote.registry, tmp_path) as engine:
                build_and_promote(remote, engine, *(f"v1.{last}.{n}" for n in range(last)))
                rows, before = engine.status(), count.requests
                page = engine.versions.page(rows, 20)
                asked.append((page.total, count.requests - before))

    assert asked == [(3, 1), (15, 1)]


def test_unknown_environment_and_invalid_cursor_are_refused(engine: Engine) -> None:
    with pytest.raises(UsageError, match="'moon' is not an environment"):
        described(engine, environment="moon")
    with pytest.raises(UsageError, match="'soon' is not a version"):
        described(engine, after="soon")


def test_search_uses_what_is_known(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v1.1.0")

    first = engine.versions.search("V1.", 5, 60)
    place.push(artifact("v1.2.0"), "v1.2.0-dev")
    again = engine.versions.search("", 1, 60)
    engine.versions.expire()
    fresh = engine.versions.search("", 1, 60)

    assert [each.version for each in first] == ["v1.1.0", "v1.0.0"]
    assert first[0].description == "live in staging"
    assert [each.version for each in again] == ["v1.1.0"]
    assert [each.version for each in fresh] == ["v1.2.0"]


def test_listing_stays_while_the_registry_does_not_answer(
    place: Place, engine: Engine, tmp_path: Path
) -> None:
    build_and_promote(place, engine, "v1.0.0")
    rows = engine.status()
    assert engine.versions.tags(rows).environments

    class Gone:
        def tags(self) -> None:
            raise RegistryError("the registry does not answer")

    with engine_on(place.registry, tmp_path) as other:
        object.__setattr__(other.runner, "registry", Gone())
        with pytest.raises(RegistryError):
            other.versions.tags(rows)
    object.__setattr__(engine.runner, "registry", Gone())
    engine.versions.expire()

    assert list(engine.versions.tags(rows).environments) == ["v1.0.0"]
