"""Two writers with different leases: no record is lost, and at most one reports success."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from engine.domain.artifact import Digest, Tag
from engine.domain.errors import ConflictError
from engine.domain.manifest import Manifest
from engine.domain.result import Ending
from engine.ports import Registry
from tests.conftest import Place
from tests.scenarios.engines import BOB, engine_on, promote
from tests.scenarios.verbs import artifact, build_and_promote, kinds, lock, unlock

ENTRY = "floe-ledger.staging"
LATEST = Tag("latest-staging")


class InterleavedRegistry:
    """A registry that calls `other_write` once, before it puts or resolves `tag`."""

    def __init__(
        self, registry: Registry, tag: str, other_write: Callable[[], None], *, reads: bool
    ) -> None:
        self._registry = registry
        self._tag = tag
        self._other_write: list[Callable[[], None]] = [other_write]
        self._reads = reads

    def put(self, manifest: Manifest, tag: Tag) -> None:
        self._interleave(tag, reads=False)
        self._registry.put(manifest, tag)

    def resolve(self, tag: Tag) -> Digest | None:
        self._interleave(tag, reads=True)
        return self._registry.resolve(tag)

    def _interleave(self, tag: Tag, *, reads: bool) -> None:
        if str(tag) == self._tag and reads is self._reads and self._other_write:
            self._other_write.pop()()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._registry, name)


def interleaved(
    place: Place, tag: str, other_write: Callable[[], None], *, reads: bool = False
) -> Registry:
    return cast("Registry", InterleavedRegistry(place.registry, tag, other_write, reads=reads))


def prepare(place: Place, folder: Path) -> None:
    """Promote v1.0.0 and v1.1.0; v1.2.0 and v1.3.0 are built."""
    with engine_on(place.registry, folder / "first") as engine:
        build_and_promote(place, engine, "v1.0.0", "v1.1.0")
        for version in ("v1.2.0", "v1.3.0"):
            place.push(artifact(version), f"{version}-dev")


@pytest.mark.requirement("FR-026")
def test_lock_of_another_machine_survives_a_late_promotion(place: Place, tmp_path: Path) -> None:
    """The promotion overwrites the entry where the registry has no immutable tags."""
    prepare(place, tmp_path)

    def lock_elsewhere() -> None:
        with engine_on(place.registry, tmp_path / "elsewhere") as other:
            assert lock(other).error is None

    late = interleaved(place, f"{ENTRY}.3", lock_elsewhere)
    with engine_on(late, tmp_path) as engine, pytest.raises(ConflictError) as refused:
        promote(engine, "v1.2.0", "staging")

    assert "this promotion is not on the ledger" in str(refused.value)
    assert "floe platform status --env staging" in str(refused.value)
    assert refused.value.exit_code == 10
    with engine_on(place.registry, tmp_path / "third") as engine:
        assert kinds(engine) == ["promotion", "promotion", "lock"]
        assert engine.status()[1].lock is not None
        assert place.registry.resolve(Tag(f"{ENTRY}.3")) == engine.history("staging", 1)[0].digest
    assert place.registry.resolve(LATEST) == artifact("v1.1.0").manifest.digest


@pytest.mark.requirement("FR-026")
def test_entry_that_another_writer_overwrites_did_not_take_effect(
    place: Place, tmp_path: Path
) -> None:
    prepare(place, tmp_path)
    before = place.registry.fetch(Tag(f"{ENTRY}.1"))
    assert before is not None

    def overwrite() -> None:
        place.registry.put(before, Tag(f"{ENTRY}.3"))

    late = interleaved(place, f"{ENTRY}.3", overwrite, reads=True)
    with engine_on(late, tmp_path) as engine, pytest.raises(ConflictError, match="entry 3"):
        promote(engine, "v1.2.0", "staging")

    assert place.registry.resolve(LATEST) == artifact("v1.1.0").manifest.digest


@pytest.mark.requirement("FR-026")
def test_promotion_followed_by_another_one_is_on_record_and_does_not_move_latest(
    place: Place, tmp_path: Path
) -> None:
    prepare(place, tmp_path)

    def promote_elsewhere() -> None:
        with engine_on(place.registry, tmp_path / "elsewhere") as other:
            assert promote(other, "v1.3.0", "staging", BOB).error is None

    late = interleaved(place, "floe-head.staging", promote_elsewhere, reads=True)
    with engine_on(late, tmp_path) as engine, pytest.raises(ConflictError) as refused:
        promote(engine, "v1.2.0", "staging")

    assert "a newer change followed it" in str(refused.value)
    assert place.registry.resolve(LATEST) == artifact("v1.3.0").manifest.digest
    with engine_on(place.registry, tmp_path / "third") as engine:
        versions = [getattr(e.record, "version", "") for e in engine.history("staging")]
    assert versions == ["v1.3.0", "v1.2.0", "v1.1.0", "v1.0.0"]


@pytest.mark.requirement("FR-036")
def test_lock_that_another_writer_overwrites_late_is_not_confirmed(
    place: Place, tmp_path: Path
) -> None:
    prepare(place, tmp_path)
    before = place.registry.fetch(Tag(f"{ENTRY}.1"))
    assert before is not None

    def overwrite() -> None:
        place.registry.put(before, Tag(f"{ENTRY}.3"))

    late = interleaved(place, "floe-head.staging", overwrite)
    with engine_on(late, tmp_path) as engine, pytest.raises(ConflictError, match="this lock"):
        lock(engine)


def test_promotion_that_another_writer_continued_is_promoted(place: Place, tmp_path: Path) -> None:
    prepare(place, tmp_path)

    def lock_elsewhere() -> None:
        with engine_on(place.registry, tmp_path / "elsewhere") as other:
            assert lock(other).error is None

    with engine_on(interleaved(place, "latest-staging", lock_elsewhere), tmp_path) as engine:
        result = promote(engine, "v1.2.0", "staging")

        assert result.outcome is Ending.PROMOTED
        assert kinds(engine) == ["promotion", "promotion", "promotion", "lock"]
    with engine_on(place.registry, tmp_path / "third") as engine:
        assert unlock(engine).error is None
