"""A retention rule removes tags of a ledger, in any combination; nothing is overwritten."""

import shutil
from collections.abc import Iterator
from itertools import chain, combinations
from pathlib import Path

import pytest

from engine.adapters.ledger.sealing import Sealing
from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.api import Engine
from engine.bootstrap.ledger_repair import find_removed, put_back
from engine.domain.artifact import Digest, Tag
from engine.domain.audit import KnownHead, LedgerRepair
from engine.domain.errors import LedgerUnreadableError, SigningUnavailableError
from engine.domain.policy_document import policy_tag
from engine.domain.upkeep_records import RepairRecord
from engine.ports.state import InMemoryHeads
from tests.conftest import Place
from tests.peers import oci_layout
from tests.scenarios.audited import audit, messages, promote_versions
from tests.scenarios.commands import Floe
from tests.scenarios.engines import ALICE, TRACE_ID, ProgressLog, engine_on, with_parts
from tests.scenarios.sealed import OWN, BrokenSigner, trust
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


def repaired(engine: Engine) -> LedgerRepair:
    return put_back(engine, "staging", ALICE, TRACE_ID, ProgressLog())


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
            repaired(engine)
        assert "truncated or rewritten" in messages(audit(engine))
        assert pointed(root) == left
        return

    found = audit(engine)
    assert not found.sound
    assert engine.status()[1].state.version == "v1.0.3"
    dry = find_removed(engine, "staging", ProgressLog())
    assert pointed(root) == left
    done = repaired(engine)
    assert {str(tag) for tag in done.restored} == {str(tag) for tag in dry.restored} == {*removed}
    after = pointed(root)
    assert {tag: after[tag] for tag in before if tag != HEAD} == {
        tag: digest for tag, digest in before.items() if tag != HEAD
    }
    assert done.entry is not None
    assert {*after} - {*before} == {f"{ENTRY}.4"}
    assert after[HEAD] == str(done.entry.digest)
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

    done = repaired(engine)

    assert [str(tag) for tag in done.restored] == [f"{ENTRY}.1"]
    [problem] = done.problems
    assert f"{ENTRY}.2 points to" in problem
    assert Hand(place).manifest(f"{ENTRY}.2").digest == Hand(place).manifest(f"{ENTRY}.1").digest


def test_record_names_the_operator_and_the_tags(root: Path, engine: Engine) -> None:
    for number in (1, 3):
        oci_layout.untag(root, f"{ENTRY}.{number}")

    repaired(engine)

    [entry] = engine.history("staging", 1)
    record = entry.record
    assert isinstance(record, RepairRecord)
    assert (entry.sequence, record.operator) == (4, ALICE.name)
    assert record.tags == (f"{ENTRY}.3", f"{ENTRY}.1")
    assert record.reason == f"put back {ENTRY}.3 and 1 more"


def test_removed_policy_gets_its_tag_again(root: Path, engine: Engine) -> None:
    tag = policy_tag(engine.runner.policy.digest)
    before = pointed(root)[str(tag)]
    oci_layout.untag(root, str(tag))
    assert "has lost its tag" in messages(audit(engine))

    done = repaired(engine)

    assert (done.restored, done.problems) == ((tag,), ())
    assert pointed(root)[str(tag)] == before
    assert audit(engine).sound


def test_lost_policy_is_reported(root: Path, engine: Engine) -> None:
    digest = engine.runner.policy.digest
    (root / "blobs" / "sha256" / digest.removeprefix("sha256:")).unlink()

    done = repaired(engine)

    assert (done.restored, done.entry) == ((), None)
    [problem] = done.problems
    assert problem.startswith(f"The policy {digest} is missing: restore it from a backup")


def test_nothing_is_put_back_without_a_record(root: Path, tmp_path: Path) -> None:
    sealing = Sealing(BrokenSigner(), trust(OWN), frozenset({head_digest(root)}))
    oci_layout.untag(root, f"{ENTRY}.2")
    left = pointed(root)

    with (
        engine_on(LayoutRegistry(root), tmp_path / "other", sealing=sealing) as engine,
        pytest.raises(SigningUnavailableError),
    ):
        repaired(engine)

    assert pointed(root) == left


def head_digest(root: Path) -> Digest:
    found = LayoutRegistry(root).resolve(Tag(HEAD))
    assert found is not None
    return found


def test_removed_latest_is_left_to_restore(root: Path, engine: Engine) -> None:
    oci_layout.untag(root, "latest-staging")

    done = repaired(engine)

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
    assert "  Anchor: staging#4 sha256:" in done.out
    assert "Unchanged: no tag of the ledger of staging is missing" in again.out


def test_json_has_the_tags_and_the_record(root: Path, tmp_path: Path) -> None:
    floe = Floe.on("oci-layout:./registry", tmp_path)
    oci_layout.untag(root, f"{ENTRY}.2")
    arguments = ("platform", "audit", "repair", "--env", "staging", "--output", "json")

    dry, done = floe.run(*arguments, "--dry-run").document, floe.run(*arguments).document

    assert (dry["success"], dry["dry_run"], dry["tags"]) == (True, True, [f"{ENTRY}.2"])
    assert (dry["repair_id"], dry["anchor"]) == (None, None)
    assert (done["success"], done["dry_run"], done["tags"]) == (True, False, [f"{ENTRY}.2"])
    assert done["anchor"].startswith("staging#4 sha256:")
    [record] = floe.run(
        "platform", "audit", "history", "--kind", "repair", "--output", "jsonl"
    ).out.splitlines()
    assert done["repair_id"] in record


def test_server_is_not_bypassed(root: Path, tmp_path: Path) -> None:
    floe = Floe.on("oci-layout:./registry", tmp_path, FLOE_SERVER="http://127.0.0.1:9")

    ended = floe.run("platform", "audit", "repair", "--env", "staging")

    assert ended.code == 2
    assert "FLOE_SERVER is set, but the server does not support this command" in ended.err
