"""A failure of any one request ends in success, or in one sentence and a repeatable command."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.api import Engine
from engine.domain.errors import PromotionError
from engine.domain.result import Ending
from tests.faults.troubled import TROUBLES, Opened, Trouble, Twins, twins_on
from tests.scenarios.engines import ProgressLog, promote
from tests.scenarios.verbs import lock, roll_back, unlock

NAMES = list(TROUBLES)
# The registry then serves other bytes than were written, which the audit finds.
_CONTENT = {"altered", "misnamed"}
LOOKED_AT = ["403", "405", "moved", "gone", "halved always", "packed", "altered", "500 twice"]


@pytest.fixture
def twins(
    request: pytest.FixtureRequest,
    registry_host: str,
    repository: str,
    opened: Opened,
    tmp_path: Path,
) -> Iterator[Twins]:
    trouble = TROUBLES[request.getfixturevalue("name")]
    with twins_on(registry_host, repository, opened, tmp_path, hangs=trouble.hangs) as built:
        yield built


@pytest.mark.requirement("NFR-004")
@pytest.mark.parametrize("name", NAMES)
def test_promotion_with_any_failed_request_is_completed_by_repeating_it(
    twins: Twins, name: str
) -> None:
    trouble, tried = TROUBLES[name], 0
    for number in twins.each_request(trouble, first=1 + NAMES.index(name) % trouble.every):
        version, tried = f"v1.0.{number}", tried + 1
        twins.push(version)

        done = twins.tried(lambda engine, v=version: promote(engine, v, "staging").error)
        twins.assert_in_effect_only_on_record()
        again = promote(twins.calm, version, "staging")

        assert again.error is None
        assert again.outcome is Ending.UNCHANGED or not done
        assert twins.calm.status()[1].state.version == version
    assert number > 10
    twins.assert_believable(lies=trouble.lies)
    assert len(twins.calm.history("staging", 100)) == tried
    assert not (trouble.survived and twins.failures)
    print(f"{name}: {tried} tries of {number - 1} requests, {len(twins.failures)} failures")


@pytest.mark.requirement("NFR-004")
@pytest.mark.parametrize("name", NAMES[::2])
def test_rollback_with_any_failed_request_is_completed_by_repeating_it(
    twins: Twins, name: str
) -> None:
    trouble = TROUBLES[name]
    for version in ("v1.0.0", "v2.0.0"):
        twins.push(version)
        assert promote(twins.calm, version, "staging").error is None
    for _ in twins.each_request(sparse(trouble), first=1 + NAMES.index(name) % 6):
        target = "v1.0.0" if twins.calm.status()[1].state.version == "v2.0.0" else "v2.0.0"

        twins.tried(lambda engine, v=target: roll_back(engine, v).error)
        twins.assert_in_effect_only_on_record()
        again = roll_back(twins.calm, target)

        assert again.error is None
        assert twins.calm.status()[1].state.version == target
    twins.assert_believable(lies=trouble.lies)


@pytest.mark.requirement("NFR-004")
@pytest.mark.parametrize("name", NAMES[1::2])
def test_lock_with_any_failed_request_is_completed_by_repeating_it(twins: Twins, name: str) -> None:
    trouble = TROUBLES[name]
    for number in twins.each_request(sparse(trouble), first=1 + NAMES.index(name) % 6):
        twins.tried(lambda engine: lock(engine).error)
        if twins.calm.status()[1].lock is None:
            assert lock(twins.calm).error is None
        held = twins.calm.status()[1].lock
        assert unlock(twins.calm).error is None

        assert held is not None
        assert number < 50
    (found,) = twins.calm.verify("staging", ProgressLog()).environments
    assert found.sound or trouble.lies


@pytest.mark.parametrize("name", LOOKED_AT)
def test_status_and_audit_report_failed_reads_or_the_true_state(twins: Twins, name: str) -> None:
    trouble = TROUBLES[name]
    for version in ("v1.0.0", "v2.0.0"):
        twins.push(version)
        assert promote(twins.calm, version, "staging").error is None
    there = twins.calm.status()

    def read_status(engine: Engine) -> PromotionError | None:
        rows = engine.status()
        for row, right in zip(rows, there, strict=True):
            assert row.error or row == right or trouble.lies
        return next((row.error for row in rows if row.error), None)

    def verify(engine: Engine) -> PromotionError | None:
        found = engine.verify("staging", ProgressLog())
        assert found.sound or trouble.lies or name in _CONTENT, found
        return None

    for work in (read_status, verify):
        for _ in twins.each_request(sparse(trouble), first=1 + NAMES.index(name) % 6):
            twins.tried(work)
    assert twins.calm.verify("staging", ProgressLog()).sound


def sparse(trouble: Trouble) -> Trouble:
    """Fail every sixth request: a promotion tests the same reads and writes fully."""
    return Trouble(trouble.way, trouble.times, 6, trouble.survived, trouble.lies)
