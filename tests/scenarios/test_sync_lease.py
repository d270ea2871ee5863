"""`sync` while another process writes the same secondary."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.adapters.state import FileLeases
from engine.domain.errors import ConflictError
from engine.secondaries.replication import lease_of
from tests.conftest import Place
from tests.scenarios.engines import ProgressLog, promote, with_parts
from tests.scenarios.mirrored import mirrored_engine, with_mirrors
from tests.scenarios.verbs import build_and_promote
from tests.secondaries.mirrors import mirror_to

pytestmark = pytest.mark.requirement("FR-030")


@dataclass
class CountingLeases:
    """Implements `Leases` by real ones, and counts the waits for a held lease."""

    leases: FileLeases
    waits: list[str] = field(default_factory=list)

    @contextmanager
    def hold(self, environment: str) -> Iterator[None]:
        try:
            with self.leases.hold(environment):
                yield
        except ConflictError:
            self.waits.append(environment)
            raise


def test_sync_waits_once_for_a_secondary_in_use(place: Place, tmp_path: Path):
    """Test with several missing records and artifacts, each of which needs the lease."""
    mirror = mirror_to(place.registry, tmp_path / "disk")
    leases = CountingLeases(FileLeases(tmp_path / "leases", wait_seconds=0.1))
    with mirrored_engine(place.registry, tmp_path) as alone:
        build_and_promote(place, alone, "v1.0.0", "v2.0.0")
        promote(alone, "v2.0.0", "prod")
        engine = with_mirrors(with_parts(alone, leases=leases), tmp_path, mirror)

        with FileLeases(tmp_path / "leases").hold(lease_of(mirror)):
            report = engine.sync(None, ProgressLog())
        again = engine.sync(None, ProgressLog())

    assert leases.waits == [lease_of(mirror)]
    assert [row.status.value for row in report.environments] == ["in_sync", "failed", "failed"]
    assert isinstance(report.error, ConflictError)
    assert again.error is None
