"""How far an artifact is deployed, by the last report of each cluster."""

from datetime import UTC, datetime, timedelta

from engine.domain.deployments import Deployment, Health, Rollout, rollout
from engine.domain.state import EnvironmentState

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUNNING, BEFORE = "sha256:" + "a" * 64, "sha256:" + "b" * 64
STATE = EnvironmentState(version="v1.1.0", digest=RUNNING, since=NOON)


def report(
    target: str, health: Health = Health.HEALTHY, minutes: int = 1, digest: str = RUNNING
) -> Deployment:
    return Deployment(target, digest, health, NOON + timedelta(minutes=minutes))


def test_clusters_with_an_earlier_version_count_as_not_yet_healthy() -> None:
    earlier = [report(f"eu-{n}", digest=BEFORE, minutes=-60) for n in (4, 5)]
    found = rollout(STATE, [*(report(f"eu-{n}") for n in (1, 2, 3)), *earlier])

    assert found == Rollout(5, 3)
    assert found.text == "3 of 5 clusters healthy"


def test_time_ends_with_the_last_healthy_cluster() -> None:
    found = rollout(STATE, [report("eu-1", minutes=2), report("eu-2", minutes=4)])

    assert found is not None
    assert found.text == "2 of 2 clusters healthy after 4 min"


def test_failed_clusters_are_named() -> None:
    found = rollout(STATE, [report("eu-2", Health.FAILED), report("eu-1", Health.PROGRESSING)])

    assert found is not None
    assert found.text == "0 of 2 clusters healthy, 1 failed: eu-2"


def test_reports_from_before_the_promotion_say_nothing() -> None:
    assert rollout(STATE, [report("eu-1", minutes=-60)]) is None
    assert rollout(STATE, [report("eu-1", digest=BEFORE)]) is None
    assert rollout(EnvironmentState(), [report("eu-1")]) is None


def test_clock_of_a_cluster_may_be_behind() -> None:
    found = rollout(STATE, [report("eu-1", minutes=-1)])

    assert found is not None
    assert found.text == "1 of 1 cluster healthy after 0 s"
