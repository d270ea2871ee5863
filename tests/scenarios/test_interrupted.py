"""Remains of an interrupted run are used only if that run would have written exactly them."""

import json
from pathlib import Path

from engine.domain.artifact import Digest, Tag
from engine.domain.canonical import canonical_json
from engine.domain.manifest import IMAGE_MANIFEST, Manifest
from engine.domain.record import AnyRecord, PromotionRecord
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.engines import engine_on, promote, with_parts

_STATE = "dev.floe.state.version"


def interrupt_before_commit(place: Place, folder: Path) -> Manifest:
    """Promote v1.0.0, then remove the commit: record and tag exist, the head does not."""
    with engine_on(place.registry, folder) as engine:
        place.push(image(b"zero"), "v0.9.0-dev")
        place.push(image(b"one"), "v1.0.0-dev")
        promote(engine, "v0.9.0", "staging")
        before = engine.runner.registry.fetch(Tag("floe-head.staging"))
        promote(engine, "v1.0.0", "staging")
        left = engine.runner.registry.fetch(Tag("floe-ledger.staging.2"))
        assert before is not None
        assert left is not None
        engine.runner.registry.put(before, Tag("floe-head.staging"))
    return left


def test_record_of_an_interrupted_run_is_completed(place: Place, tmp_path: Path):
    left = interrupt_before_commit(place, tmp_path)

    with engine_on(place.registry, tmp_path) as engine:
        result = promote(engine, "v1.0.0", "staging")
        [newest] = engine.history("staging", 1)

    assert result.error is None
    assert newest.digest == left.digest


def test_uncommitted_record_with_an_invalid_state_is_not_committed(place: Place, tmp_path: Path):
    left = interrupt_before_commit(place, tmp_path)
    document = json.loads(left.content)
    document["annotations"][_STATE] = "v9.9.9"
    forged = Manifest(canonical_json(document), IMAGE_MANIFEST)
    place.registry.put(forged, Tag("floe-ledger.staging.2"))

    with engine_on(place.registry, tmp_path) as engine:
        result = promote(engine, "v1.0.0", "staging")
        [newest] = engine.history("staging", 1)
        status = engine.status()[1]

    assert isinstance(result.record, PromotionRecord)
    assert newest.digest != forged.digest
    assert status.state.version == "v1.0.0"


def test_ledger_shortened_after_a_promotion_is_detected(place: Place, tmp_path: Path):
    with engine_on(place.registry, tmp_path) as engine:
        for number in range(3):
            place.push(image(str(number).encode()), f"v1.0.{number}-dev")
            promote(engine, f"v1.0.{number}", "staging")
        earlier = engine.runner.registry.fetch(Tag("floe-ledger.staging.1"))
        assert earlier is not None
        engine.runner.registry.put(earlier, Tag("floe-head.staging"))

        known = engine.runner.heads.known("staging")

    assert known is not None
    assert known.sequence == 3
    assert known.digest != Digest.of(earlier.content)


class CollectedWebhooks:
    """Implements `engine.ports.webhooks.WebhookSender`: collects the deliveries."""

    def __init__(self) -> None:
        self.records: list[str] = []

    def enqueue(self, record: AnyRecord, anchor: str | None = None) -> None:
        self.records.append(record.id)

    def deliver_due(self, seconds: float = 5) -> None: ...


def test_change_interrupted_between_record_and_latest_is_delivered_on_completion(
    place: Place, tmp_path: Path
):
    with engine_on(place.registry, tmp_path) as built:
        heard = CollectedWebhooks()
        engine = with_parts(built, webhook_sender=heard)
        place.push(image(b"zero"), "v0.9.0-dev")
        place.push(image(b"one"), "v1.0.0-dev")
        promote(engine, "v0.9.0", "staging")
        first = promote(engine, "v1.0.0", "staging")
        older = engine.runner.registry.fetch(Tag("v0.9.0-staging"))
        assert older is not None
        engine.runner.registry.put(older, Tag("latest-staging"))

        completed = promote(engine, "v1.0.0", "staging")
        unchanged = promote(engine, "v1.0.0", "staging")

    assert completed.record == first.record == unchanged.record
    assert heard.records[1:] == [first.record.id, first.record.id]
