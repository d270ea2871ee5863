"""The audit of ledgers nobody touched, and of what only looks wrong."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from engine.api import Engine
from engine.domain.artifact import Digest
from engine.domain.audit import EnvironmentAudit, Kind
from engine.domain.errors import RegistryUnavailableError, UsageError
from engine.domain.record import AnyRecord
from engine.domain.request import LockRequest, RollbackRequest, UnlockRequest
from tests.builders import image
from tests.conftest import Place
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.audited import audit, five_promotions, kinds
from tests.scenarios.engines import ALICE, BOB, TRACE_ID, Told, engine_on, promote
from tests.scenarios.tampering import Hand


@pytest.mark.requirement("FR-026")
@pytest.mark.requirement("FR-038")
def test_a_ledger_with_records_of_every_kind_is_sound(place: Place, engine: Engine) -> None:
    five_promotions(place, engine)
    version = engine.path.read(Hand(place).place.registry.tags()[0])
    assert version is not None
    engine.run(RollbackRequest(v("v1.0.2"), "staging", ALICE, TRACE_ID, "INC-1"), Told())
    engine.run(LockRequest("staging", ALICE, TRACE_ID, "freeze"), Told())
    engine.run(UnlockRequest("staging", ALICE, TRACE_ID, "over"), Told())

    report = engine.verify(None, Told())

    assert [(e.environment, e.entries) for e in report.environments] == [
        ("dev", 0),
        ("staging", 8),
        ("prod", 0),
    ]
    assert report.sound
    assert kinds(report.environments[1].notes) == []
