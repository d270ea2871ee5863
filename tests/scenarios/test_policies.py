"""The rules of every record stay readable in the registry."""

from pathlib import Path

import pytest

from engine.api import Engine
from engine.audit.policies import stored_digests
from engine.domain.environment import Approvals, Environment
from engine.domain.errors import UsageError
from engine.domain.policy_document import policy_tag
from tests.conftest import Place
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.audited import lock, messages, stranger_audit, summarize, unlock
from tests.scenarios.engines import engine_on, path_of, policy_of
from tests.scenarios.forging import Forger
from tests.scenarios.tampering import Hand
from tests.scenarios.verbs import artifact, build_and_promote

pytestmark = pytest.mark.requirement("FR-026")
STRICT = path_of("dev", Environment("staging", approvals=Approvals(1)), "prod")


def stored(place: Place) -> list[str]:
    return sorted(stored_digests(place.registry.tags()))


def test_policy_is_stored_before_the_first_entry_that_names_it(
    place: Place, tmp_path: Path
) -> None:
    with engine_on(place.registry, tmp_path) as engine:
        lock(engine)
        unlock(engine)
    with engine_on(place.registry, tmp_path, STRICT) as engine:
        lock(engine)

    assert stored(place) == sorted([policy_of().digest, policy_of(STRICT).digest])
    for document in (policy_of(), policy_of(STRICT)):
        manifest = place.registry.fetch(policy_tag(document.digest))
        assert manifest is not None
        assert place.registry.blob(document.digest, 1_000_000) == document.content
        [layer] = manifest.view.layers or ()
        assert (layer.digest, layer.media_type) == (document.digest, manifest.artifact_type)


def test_record_under_another_policy_is_not_written(place: Place, tmp_path: Path) -> None:
    """Its rules could not be read later, since an engine stores only its own policy."""
    with engine_on(place.registry, tmp_path) as engine:
        lock(engine)
        [entry] = engine.history("staging", 1)
        before = place.registry.tags()
        other = entry.record.model_copy(update={"policy_digest": policy_of(STRICT).digest})

        with pytest.raises(ValueError, match="names the policy sha256:.* and this engine has"):
            engine.runner.append(other)

    assert place.registry.tags() == before


def test_policy_tag_is_no_environment_tag(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0")
    tag = policy_tag(engine.runner.policy.digest)

    assert engine.path.read(tag) is None
    assert engine.runner.ledger.parse_tag(tag) is None
    assert stranger_audit(engine).sound


def test_unchanged_policy_costs_no_request(fake: FakeRegistry, opened, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with engine_on(opened(fake.host), tmp_path) as engine:
        lock(engine)
        before = len(fake.requests)
        unlock(engine)
        lock(engine)

    assert [r for r in fake.requests[before:] if "floe-policy" in r.path] == []


def test_lost_policy_is_found_by_its_entries(layout: Place, tmp_path: Path) -> None:
    with engine_on(layout.registry, tmp_path, STRICT) as engine:
        lock(engine)
        unlock(engine)
    with engine_on(layout.registry, tmp_path) as engine:
        lock(engine)
        Hand(layout).remove_blob(str(policy_tag(policy_of(STRICT).digest)))

        found = stranger_audit(engine)

    assert summarize(found.problems) == [("missing", 2)]
    assert f"policy {policy_of(STRICT).digest} of entries 1 to 2 of staging is missing" in messages(
        found
    )


def test_moved_policy_tag_is_found(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, "v1.0.0")
    Hand(place).point(str(policy_tag(engine.runner.policy.digest)), at="v1.0.0-dev")

    found = stranger_audit(engine)

    assert summarize(found.problems) == [("missing", 1)]
    assert "is not at its tag floe-policy." in messages(found)


def test_record_of_a_policy_that_nobody_stored_is_found(layout: Place, tmp_path: Path) -> None:
    with engine_on(layout.registry, tmp_path, STRICT) as engine:
        made_up = f"sha256:{'9' * 64}"
        Forger(layout, engine).promote(
            "v1.0.0", "staging", artifact("v1.0.0"), policy_digest=made_up
        )

        found = stranger_audit(engine)

    assert summarize(found.problems) == [("missing", 1)]
    assert f"policy {made_up} of entry 1 of staging" in messages(found)


def test_records_are_judged_by_their_own_policy(layout: Place, tmp_path: Path) -> None:
    with engine_on(layout.registry, tmp_path) as engine:
        build_and_promote(layout, engine, "v1.0.0")
    with engine_on(layout.registry, tmp_path, STRICT) as engine:
        assert stranger_audit(engine).sound
        Forger(layout, engine).promote("v1.1.0", "staging", artifact("v1.1.0"))
    with engine_on(layout.registry, tmp_path) as engine:
        found = stranger_audit(engine)

    assert summarize(found.problems) == [("approval", 2)]


def test_policy_is_read_by_digest_prefix_or_entry(place: Place, engine: Engine) -> None:
    lock(engine)
    digest = engine.runner.policy.digest

    for reference in (digest, digest[:19], digest[7:15], "staging#1"):
        assert engine.policy(reference).digest == digest


@pytest.mark.parametrize("reference", ["abcd", "staging#7", "sha256:" + "0" * 64])
def test_unknown_policy_is_refused(engine: Engine, reference: str) -> None:
    lock(engine)

    with pytest.raises(UsageError):
        engine.policy(reference)


@pytest.mark.parametrize("reference", ["", "xyz", "prod#", "prod#0", "live#1"])
def test_invalid_reference_is_refused(engine: Engine, reference: str) -> None:
    with pytest.raises(UsageError):
        engine.policy(reference)
