"""A promotion lists its record as a referrer; a server reads the list back after its answer."""

from pathlib import Path

import pytest

from tests.builders import image
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.engines import promote, with_parts
from tests.scenarios.shaky import shaky_engine

INDEX = r"/manifests/sha256-"


@pytest.mark.parametrize(("background", "writes"), [(True, 1), (False, 2)])
def test_lost_listing_is_written_again(
    fake: FakeRegistry, tmp_path: Path, background: bool, writes: int
) -> None:
    with shaky_engine(fake, tmp_path) as shaky:
        shaky.place.push(image(b"one"), "v1.0.0-dev")
        engine = with_parts(shaky.engine, background=background)
        fake.script("PUT", INDEX, Reply(201))
        fake.script("GET", INDEX, Reply(404), Reply(404, delay_seconds=5.0))

        assert promote(engine, "v1.0.0", "staging").error is None

        assert len(index_writes(fake)) == writes
    assert len(index_writes(fake)) == 2


def test_server_reports_a_list_that_cannot_be_written(
    fake: FakeRegistry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with shaky_engine(fake, tmp_path) as shaky:
        shaky.place.push(image(b"one"), "v1.0.0-dev")
        fake.always("PUT", INDEX, Reply(403))

        result = promote(with_parts(shaky.engine, background=True), "v1.0.0", "staging")

    assert result.error is None
    assert "not listed as a referrer" in caplog.text


def index_writes(fake: FakeRegistry) -> list[str]:
    return [each.path for each in fake.seen("PUT") if "/manifests/sha256-" in each.path]
