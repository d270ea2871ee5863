"""When an audit backend fails, earlier effects stay, and repeating completes the rest."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.api import Engine
from engine.domain.artifact import Tag
from engine.domain.audit import RemarkKind
from engine.domain.errors import AuditUnavailableError
from engine.domain.policy_document import policy_tag
from engine.domain.record import AnyRecord
from engine.ports import Registry
from engine.ports.audit_backend import AuditBackendPlugin
from engine.ports.webhooks import NoWebhooks
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.audited import ProgressLog
from tests.scenarios.engines import promote, with_parts
from tests.scenarios.test_promote_audit import engine_with_backend

pytestmark = pytest.mark.requirement("FR-025", "NFR-004")
STAGED, LATEST = Tag("v1.0.0-staging"), Tag("latest-staging")


@dataclass
class FailsOnAppend(AuditBackendPlugin):
    """A backend that fails when it gets the record, and notes whether the tag existed by then."""

    registry: Registry
    tagged: bool = False

    def append(self, record: AnyRecord) -> None:
        self.tagged = self.registry.resolve(STAGED) is not None
        raise AuditUnavailableError(f"the audit store did not take {record.id}: look at it")

    def query_history(self, environment: str, limit: int) -> list[AnyRecord]:
        raise AuditUnavailableError(f"no {limit} records of {environment} can be read")


class DiesBeforeLatest(NoWebhooks):
    """A process that dies after the record is committed and before `latest` moves."""

    def enqueue(self, record: AnyRecord, anchor: str | None = None) -> None:
        raise KeyboardInterrupt(record.id)


def copies(engine: Engine) -> list[str]:
    assert engine.runner.audit_backend is not None
    return [record.id for record in engine.runner.audit_backend.query_history("staging", 10)]


def test_backend_lost_after_the_environment_tag_leaves_a_repeatable_promotion(
    place: Place, tmp_path: Path
) -> None:
    place.push(image(b"one"), "v1.0.0-dev")
    with engine_with_backend("database", place, tmp_path) as engine:
        lost = FailsOnAppend(engine.runner.registry)

        with pytest.raises(AuditUnavailableError):
            promote(with_parts(engine, audit_backend=lost), "v1.0.0", "staging")
        recorded, latest = engine.history("staging", 10), engine.runner.registry.resolve(LATEST)
        tags = set(engine.runner.registry.tags())
        (audited_environment,) = engine.verify("staging", ProgressLog()).environments
        repeated = promote(engine, "v1.0.0", "staging")

        assert lost.tagged
        assert (recorded, latest) == ((), None)
        assert tags == {Tag("v1.0.0-dev"), STAGED, policy_tag(engine.runner.policy.digest)}
        assert [problem.kind for problem in audited_environment.problems] == [RemarkKind.UNRECORDED]
        assert repeated.error is None
        assert copies(engine) == [entry.record.id for entry in engine.history("staging", 10)]
        assert len(copies(engine)) == 1


def test_backend_lost_after_the_record_does_not_stop_the_recorded_change(
    place: Place, tmp_path: Path
) -> None:
    place.push(image(b"one"), "v1.0.0-dev")
    with engine_with_backend("database", place, tmp_path) as engine:
        with pytest.raises(KeyboardInterrupt):
            promote(with_parts(engine, webhook_sender=DiesBeforeLatest()), "v1.0.0", "staging")
        before = engine.runner.registry.resolve(LATEST)

        lost = with_parts(engine, audit_backend=FailsOnAppend(engine.runner.registry))
        completed = promote(lost, "v1.0.0", "staging")

        assert completed.error is None
        assert before is None
        assert engine.runner.registry.resolve(LATEST) == engine.runner.registry.resolve(STAGED)
        assert copies(engine) == [entry.record.id for entry in engine.history("staging", 10)]
        assert len(copies(engine)) == 1
