"""A retention rule removes tags of a ledger, in any combination; nothing is overwritten."""

import shutil
from collections.abc import Iterator
from itertools import chain, combinations
from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.api import Engine
from engine.domain.audit import KnownHead
from engine.domain.errors import LedgerUnreadableError
from engine.ports.state import InMemoryHeads
from tests.conftest import Place
from tests.peers import oci_layout
from tests.scenarios.audited import audit, messages, promote_versions
from tests.scenarios.commands import Floe
from tests.scenarios.engines import ProgressLog, engine_on, with_parts
from tests.scenarios.tampering import ENTRY, HEAD, Hand
from tests.scenarios.verbs import lock

pytestmark = pytest.mark.requirement("FR-026")
TAGS = [*(f"{ENTRY}.{number}" for number in (1, 2, 3)), HEAD]
SUBSETS = list(chain.from_iterable(combinations(TAGS, size) for size in range(1, 5)))
# Without these, the end is not lost.
FINDABLE = [each for each in SUBSETS if not {f"{ENTRY}.3", HEAD} <= {*each}]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry whose staging has three entries."""
    root = tmp_path_factory.mktemp("original") / "registry"
    place = Place(
        LayoutRegistry.create(root), lambda artifact, tag: oci_layout.write(root, artifact, tag)
    )
    with engine_on(place.registry, root.parent) as engine:
        promote_versions(place, engine, last=3)
    return root


@pytest.fixture
def root(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "registry")


@pytest.fixture
def engine(root: Path, tmp_path: Path) -> Iterator[Engine]:
    """The engine of a machine that has seen entry 3."""
    with engine_on(LayoutRegistry(root), tmp_path) as built:
        head = built.runner.ledger.head("staging")
        assert head is not None
        heads = InMemoryHeads()
        heads.remember("staging", KnownHead(head.sequence, head.digest))
        yield with_parts(built, heads=heads)


def pointed(root: Path) -> dict[str, str]:
    registry = LayoutRegistry(root)
    return {str(tag): str(registry.resolve(tag)) for tag in registry.tags()}


@pytest.mark.parametrize("removed", SUBSETS, ids=lambda tags: "+".join(t[-9:] for t in tags))
def test_any_removed_tags_are_put_back_or_block(
    root: Path, engine: Engine, tmp_path: Path, removed: tuple[str, ...]
) -> None:
    before = pointed(root)
    for tag in removed:
        oci_layout.untag(root, tag)
    left = pointed(root)

    if {f"{ENTRY}.3", HEAD} <= {*removed}:
        with pytest.raises(LedgerUnreadableError, match="it was shortened or rewritten"):
            lock(engine)
        with pytest.raises(LedgerUnreadableError, match="it was shortened or rewritten"):
            engine.repair("staging", False, ProgressLog())
        assert "truncated or rewritten" in messages(audit(engine))
        assert pointed(root) == left
        return

    found = audit(engine)
    assert not found.sound
    assert engine.status()[1].state.version == "v1.0.3"
    dry = engine.repair("staging", True, ProgressLog())
    assert pointed(root) == left
    done = engine.repair("staging", False, ProgressLog())
    assert {str(tag) for tag in done.restored} == {str(tag) for tag in dry.restored} == {*removed}
    assert pointed(root) == before
    assert audit(engine).sound


@pytest.mark.parametrize("removed", FINDABLE, ids=lambda tags: "+".join(t[-9:] for t in tags))
def test_change_after_removed_tags_overwrites_nothing(
    root: Path, tmp_path: Path, engine: Engine, removed: tuple[str, ...]
) -> None:
    for tag in removed:
        oci_layout.untag(root, tag)
    left = pointed(root)

    assert lock(engine).error is None

    after = pointed(root)
    assert {tag: after[tag] for tag in left if tag != HEAD} == {
        tag: digest for tag, digest in left.items() if tag != HEAD
    }
    assert {*after} - {*left} - {HEAD} == {f"{ENTRY}.4"}


def test_number_with_other_content_is_reported_and_stays(root: Path, engine: Engine) -> None:
    place = Place(LayoutRegistry(root), lambda artifact, tag: None)
    Hand(place).point(f"{ENTRY}.2", at=f"{ENTRY}.1")
    oci_layout.untag(root, f"{ENTRY}.1")

    done = engine.repair("staging", False, ProgressLog())

    assert [str(tag) for tag in done.restored] == [f"{ENTRY}.1"]
    [problem] = done.problems
    assert f"{ENTRY}.2 points to" in problem
    assert Hand(place).manifest(f"{ENTRY}.2").digest == Hand(place).manifest(f"{ENTRY}.1").digest


def test_removed_latest_is_left_to_restore(root: Path, engine: Engine) -> None:
    oci_layout.untag(root, "latest-staging")

    done = engine.repair("staging", False, ProgressLog())

    assert (done.restored, done.problems) == ((), ())
    assert "floe platform restore --env staging" in messages(audit(engine))


def test_command_prints_the_tags(root: Path, tmp_path: Path) -> None:
    floe = Floe.on("oci-layout:./registry", tmp_path)
    oci_layout.untag(root, f"{ENTRY}.2")

    dry = floe.run("platform", "audit", "repair", "--env", "staging", "--dry-run")
    done = floe.run("platform", "audit", "repair", "--env", "staging")
    again = floe.run("platform", "audit", "repair", "--env", "staging")

    assert (dry.code, done.code, again.code) == (0, 0, 0), (dry, done, again)
    assert f"Would put back: {ENTRY}.2" in dry.out
    assert f"Put back: {ENTRY}.2" in done.out
    assert "Unchanged: no tag of the ledger of staging is missing" in again.out
