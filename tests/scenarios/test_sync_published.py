"""`sync --published` also copies the versions that builds published, before a promotion."""

from pathlib import Path

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.domain.artifact import Tag
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.engines import ProgressLog
from tests.scenarios.mirrored import mirrored_engine, with_mirrors
from tests.scenarios.verbs import build_and_promote
from tests.secondaries.mirrors import SBOM, list_referrer, mirror_to, signed_index


def test_versions_without_a_record_are_copied_if_asked_for(place: Place, tmp_path: Path):
    whole, belonging = signed_index()
    place.push(whole, "v3.0.0-dev")
    place.push(belonging[0][0], None)
    list_referrer(place.registry, belonging[0][0].manifest)
    place.push(image(b"plain"), "v4.0.0")
    place.push(image(b"cache"), "buildcache")
    disk = tmp_path / "disk"
    with mirrored_engine(place.registry, tmp_path) as plain:
        build_and_promote(place, plain, "v1.0.0", "v2.0.0")
        engine = with_mirrors(plain, tmp_path, mirror_to(place.registry, disk))

        report = engine.sync(None, ProgressLog(), published=True)
        again = engine.sync(None, ProgressLog(), published=True)

    assert [row.status.value for row in report.environments] == ["repaired", "repaired", "in_sync"]
    assert {row.status.value for row in again.environments} == {"in_sync"}
    there = LayoutRegistry(disk)
    builds = ["v1.0.0-dev", "v2.0.0-dev", "v3.0.0-dev", "v4.0.0"]
    assert [*map(there.resolve, map(Tag, builds))] == [
        *map(place.registry.resolve, map(Tag, builds))
    ]
    assert len(there.referrers(whole.manifest.digest, SBOM)) == 1
    assert there.resolve(Tag("buildcache")) is None
