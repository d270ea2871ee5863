"""An audit warns if a rollback would find nothing to return to."""

import pytest

from engine.api import Engine
from engine.domain.audit import EnvironmentAudit
from tests.builders import image, index
from tests.conftest import Place
from tests.scenarios.audited import audit, lock
from tests.scenarios.engines import promote
from tests.scenarios.tampering import Hand
from tests.scenarios.verbs import artifact, build_and_promote, roll_back

VERSIONS = ("v1.0.0", "v1.1.0", "v1.2.0")


def warnings(found: EnvironmentAudit) -> list[str]:
    return [each.message for each in found.notes if each.kind.value == "rollback"]


def test_previous_version_that_is_gone_is_named(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, *VERSIONS)
    lock(engine)
    assert warnings(audit(engine)) == []
    Hand(place).remove_manifest("v1.1.0-staging")

    [warning] = warnings(audit(engine))

    digest = str(artifact("v1.1.0").manifest.digest)[:19]
    assert warning == (
        f"staging cannot be rolled back to v1.1.0, which ran before v1.2.0: {digest} is no longer "
        "in the registry. Push it again. List the tags that a cleanup must keep: floe platform "
        "retention"
    )


def test_other_versions_that_are_gone_are_not_named(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, *VERSIONS)
    Hand(place).remove_manifest("v1.0.0-staging")

    assert warnings(audit(engine)) == []


def test_version_that_was_rolled_back_is_no_target(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, *VERSIONS)
    assert roll_back(engine, "v1.1.0").error is None
    Hand(place).remove_manifest("v1.2.0-staging")
    assert warnings(audit(engine)) == []

    Hand(place).remove_manifest("v1.0.0-staging")

    [warning] = warnings(audit(engine))
    assert "rolled back to v1.0.0, which ran before v1.1.0" in warning


def test_target_without_one_of_its_platforms_is_named(place: Place, engine: Engine) -> None:
    lost, kept = image(b"amd64"), image(b"arm64")
    place.push(index(lost, kept), "v1.0.0-dev")
    place.push(lost, "amd64")
    place.push(image(b"two"), "v1.1.0-dev")
    for version in ("v1.0.0", "v1.1.0"):
        assert promote(engine, version, "staging").error is None
    Hand(place).remove_manifest("amd64")

    [warning] = warnings(audit(engine))

    assert f"v1.1.0: {str(lost.manifest.digest)[:19]} is no longer in the registry" in warning


@pytest.mark.parametrize("versions", [(), ("v1.0.0",)])
def test_without_an_earlier_version_there_is_no_warning(
    place: Place, engine: Engine, versions: tuple[str, ...]
) -> None:
    build_and_promote(place, engine, *versions)

    assert warnings(audit(engine)) == []


def test_broken_ledger_is_reported_without_a_warning(place: Place, engine: Engine) -> None:
    build_and_promote(place, engine, *VERSIONS)
    Hand(place).remove_manifest("v1.1.0-staging")
    Hand(place).remove_manifest("floe-ledger.staging.2")

    found = audit(engine)

    assert not found.sound
    assert warnings(found) == []
