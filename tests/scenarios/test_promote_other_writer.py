"""A writer with another lease is detected after the commit, before success is reported."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from engine.domain.artifact import Tag
from engine.domain.errors import ConflictError
from engine.domain.manifest import Manifest
from engine.domain.result import Ending
from engine.ports import Registry
from tests.conftest import Place
from tests.scenarios.engines import engine_on, promote
from tests.scenarios.verbs import artifact, build_and_promote, lock

HEAD = Tag("floe-ledger.staging")


class InterleavedRegistry:
    """
    A registry that calls `during_write` after the head was read back, before latest-staging moves.
    """

    def __init__(self, registry: Registry, during_write: Callable[[], None]) -> None:
        self._registry = registry
        self._during_write = during_write

    def put(self, manifest: Manifest, tag: Tag) -> None:
        if str(tag) == "latest-staging":
            self._during_write()
        self._registry.put(manifest, tag)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._registry, name)


def interrupted(place: Place, during_write: Callable[[], None]) -> Registry:
    return cast("Registry", InterleavedRegistry(place.registry, during_write))


def test_promotion_whose_record_was_replaced_is_a_conflict(place: Place, tmp_path: Path) -> None:
    with engine_on(place.registry, tmp_path) as engine:
        build_and_promote(place, engine, "v1.0.0", "v1.1.0")
    before = place.registry.fetch(Tag(f"{HEAD}.1"))
    assert before is not None

    with (
        engine_on(
            interrupted(place, lambda: place.registry.put(before, HEAD)), tmp_path / "other"
        ) as engine,
        pytest.raises(ConflictError) as refused,
    ):
        build_and_promote(place, engine, "v1.2.0")

    assert "this promotion is not on the ledger" in str(refused.value)
    assert "floe platform status --env staging" in str(refused.value)
    assert refused.value.exit_code == 10


def test_promotion_that_another_writer_continued_is_promoted(place: Place, tmp_path: Path) -> None:
    def lock_elsewhere() -> None:
        with engine_on(place.registry, tmp_path / "elsewhere") as other:
            assert lock(other).error is None

    with engine_on(place.registry, tmp_path) as engine:
        build_and_promote(place, engine, "v1.0.0")
        place.push(artifact("v1.1.0"), "v1.1.0-dev")
    with engine_on(interrupted(place, lock_elsewhere), tmp_path) as engine:
        result = promote(engine, "v1.1.0", "staging")
        kinds = [entry.record.kind for entry in engine.history("staging")]

    assert result.outcome is Ending.PROMOTED
    assert kinds == ["lock", "promotion", "promotion"]
