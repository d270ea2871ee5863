"""A program promotes, rolls back, locks and reads through `floe`."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

import floe
from tests.builders import image
from tests.manifests import manifest
from tests.peers import oci_layout
from tests.scenarios.commands import Floe


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A registry with two versions in dev; prod needs an approval."""
    for version in ("v1.0.0", "v1.1.0"):
        artifact = image(version.encode())
        oci_layout.write(tmp_path / "registry", artifact, f"{version}-dev")
    (tmp_path / "manifest.yaml").write_text(manifest(identity="trust_os_user: true"))
    return tmp_path


@pytest.fixture
def platform(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[floe.Platform]:
    for name in ("FLOE_SERVER", "FLOE_ID_TOKEN", "FLOE_MANIFEST"):
        monkeypatch.delenv(name, raising=False)
    with floe.open_platform(folder / "manifest.yaml") as opened:
        yield opened


def test_promotion_is_planned_then_carried_out(platform: floe.Platform) -> None:
    plan = platform.plan_promotion("v1.0.0", "staging")
    before = platform.history("staging")

    done = platform.promote("v1.0.0", "staging")

    assert plan.error is None and plan.dry_run and before == ()
    assert done.outcome is floe.Ending.PROMOTED
    assert done.artifact_digest == plan.artifact_digest
    [row] = platform.status("staging")
    assert (row.version, row.alignment) == ("v1.0.0", floe.Alignment.ALIGNED)
    [record] = platform.history("staging")
    assert record.record.operator == platform.operator
    assert platform.promote("v1.0.0", "staging").outcome is floe.Ending.UNCHANGED


def test_answer_is_the_document_of_the_command(folder: Path, platform: floe.Platform) -> None:
    theirs = Floe(folder).run(
        "platform", "promote", "v1.0.0", "--to", "staging", "--dry-run", "--output", "json"
    )

    ours = platform.plan_promotion("v1.0.0", "staging").document()

    assert ours | {"trace_id": ""} == theirs.document | {"trace_id": ""}


def test_rollback_returns_to_the_version_before(platform: floe.Platform) -> None:
    platform.promote("v1.0.0", "staging")
    platform.promote("v1.1.0", "staging")

    plan = platform.plan_rollback("v1.0.0", "staging")
    done = platform.roll_back("v1.0.0", "staging", reason="INC-7")

    assert plan.error is None
    assert (done.outcome, done.previous_version) == (floe.Ending.ROLLED_BACK, "v1.1.0")
    assert platform.status("staging")[0].version == "v1.0.0"
    with pytest.raises(floe.QuarantinedError):
        platform.promote("v1.1.0", "staging")


def test_refused_promotion_raises_and_is_recorded_by_the_engine(folder: Path) -> None:
    with floe.open_platform(folder / "manifest.yaml") as platform:
        platform.lock("staging", reason="INC-1", duration="2h")

        with pytest.raises(floe.EnvironmentLockedError, match="INC-1") as refused:
            platform.promote("v1.0.0", "staging")

    assert (refused.value.reason_code, refused.value.exit_code) == ("environment_locked", 13)
    # An engine that closes waits for the record.
    assert kinds(folder) == ["refusal", "lock"]


def test_refused_lock_is_recorded_once(folder: Path) -> None:
    with floe.open_platform(folder / "manifest.yaml") as platform:
        platform.lock("staging", reason="INC-1")

        for reason in ("INC-2", "INC-3"):
            with pytest.raises(floe.EnvironmentLockedError):
                platform.lock("staging", reason=reason)

    assert kinds(folder) == ["refusal", "lock"]


def test_repeated_own_lock_is_no_recorded_refusal(folder: Path) -> None:
    with floe.open_platform(folder / "manifest.yaml") as platform:
        platform.lock("staging", reason="INC-1")

        # Like a retry whose answer was lost.
        with pytest.raises(floe.EnvironmentLockedError):
            platform.lock("staging", reason="INC-1")

    assert kinds(folder) == ["lock"]


def test_plan_is_not_an_attempt(folder: Path) -> None:
    with floe.open_platform(folder / "manifest.yaml") as platform:
        platform.lock("staging", reason="INC-1")

        plan = platform.plan_promotion("v1.0.0", "staging")

    assert plan.error is not None and plan.error.reason_code == "environment_locked"
    assert kinds(folder) == ["lock"]


def test_unlock_ends_the_lock(platform: floe.Platform) -> None:
    platform.lock("staging", reason="INC-1")

    done = platform.unlock("staging", reason="over")

    assert (done.outcome, done.locked_reason) == (floe.Ending.UNLOCKED, "INC-1")
    assert platform.unlock("staging", reason="over").outcome is floe.Ending.UNCHANGED
    assert platform.status("staging")[0].locked is False


def test_change_that_needs_approval_is_pending(folder: Path) -> None:
    text = manifest(identity="trust_os_user: true").replace(
        "developers: [", f"developers: [{me()}, "
    )
    (folder / "manifest.yaml").write_text(text)
    with floe.open_platform(folder / "manifest.yaml") as platform:
        platform.promote("v1.0.0", "staging")

        asked = platform.promote("v1.0.0", "prod", wait_seconds=0.1)
        [row] = platform.status("prod")

    assert (asked.outcome, asked.approvals_missing) == (floe.Ending.PENDING, 1)
    assert row.pending is not None
    assert [change.change_id for change in row.pending] == [asked.change_id]
    assert row.pending[0].interface == "python"


def test_wrong_input_raises_before_anything_is_written(platform: floe.Platform) -> None:
    with pytest.raises(floe.InvalidTransitionError, match="dev -> staging -> prod"):
        platform.promote("v1.0.0", "prod", source="dev")
    with pytest.raises(floe.UsageError):
        platform.roll_back("v1.0.0", "staging", reason="")
    with pytest.raises(floe.UsageError, match="nowhere"):
        platform.lock("nowhere", reason="INC-1")
    assert platform.history() == ()


def test_missing_manifest_is_a_configuration_error(tmp_path: Path) -> None:
    with (
        pytest.raises(floe.ConfigError, match="manifest.yaml"),
        floe.open_platform(tmp_path / "manifest.yaml"),
    ):
        pytest.fail("opened")


def kinds(folder: Path) -> list[str]:
    with floe.open_platform(folder / "manifest.yaml") as platform:
        return [each.record.kind for each in platform.history("staging")]


def me() -> str:
    return pwd.getpwuid(os.getuid()).pw_name
