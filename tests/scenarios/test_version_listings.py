"""Listings of versions that several readers share while environments move."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from engine.api import Engine
from engine.domain.artifact import Tag
from engine.domain.errors import VersionNotPromotedError
from engine.ports import Registry
from tests.conftest import Place
from tests.scenarios.engines import engine_on
from tests.scenarios.verbs import build_and_promote, roll_back


class Paused:
    """Lists the tags of `registry`; the first answer is held back until `go`."""

    def __init__(self, registry: Registry) -> None:
        self.registry, self.listed, self.go = registry, Event(), Event()

    def tags(self) -> tuple[Tag, ...]:
        found = self.registry.tags()
        self.listed.set()
        assert self.go.wait(30)
        return tuple(found)


def test_listing_that_began_before_a_move_is_not_the_answer_after_it(
    place: Place, engine: Engine, tmp_path: Path
) -> None:
    build_and_promote(place, engine, "v1.0.0")
    before = engine.status()
    paused = Paused(place.registry)

    with engine_on(place.registry, tmp_path) as reading, ThreadPoolExecutor(2) as readers:
        object.__setattr__(reading.runner, "registry", paused)
        early = readers.submit(reading.versions.tags, before)
        assert paused.listed.wait(30)
        build_and_promote(place, engine, "v1.1.0")
        late = readers.submit(reading.versions.tags, engine.status())
        impatient = reading.versions.search("", 5, 0)
        paused.go.set()

        assert impatient == ()
        # It may get the newer listing too, if that is there when its thread runs again.
        assert "v1.0.0" in early.result(30).environments
        assert "v1.1.0" in late.result(30).environments


def test_version_before_is_never_one_that_was_rolled_back(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v2.0.0")
    assert roll_back(engine, "v1.0.0").error is None

    with pytest.raises(VersionNotPromotedError, match="'staging' has no earlier version"):
        engine.versions.before("staging")
    build_and_promote(place, engine, "v3.0.0")

    assert engine.versions.before("staging") == "v1.0.0"


def test_version_before_skips_one_in_quarantine(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0", "v2.0.0", "v3.0.0", "v4.0.0")
    # The last one leaves v2.0.0.
    for version in ("v3.0.0", "v2.0.0", "v4.0.0"):
        assert roll_back(engine, version).error is None

    assert engine.versions.before("staging") == "v1.0.0"
