"""`floe platform promote` of an older version, or of one that was rolled back."""

from pathlib import Path

import pytest

from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.commands import Floe

LAYOUT = "oci-layout:./registry"
FREE = "{environments: [{name: dev}, {name: staging}, {name: prod}]}"


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    """Staging went to v1.1.0 and was rolled back to v1.0.0."""
    for version in ("v0.9.0", "v1.0.0", "v1.1.0"):
        oci_layout.write(tmp_path / "registry", image(version.encode()), f"{version}-dev")
    built = Floe.on(LAYOUT, tmp_path, FREE)
    for version in ("v1.0.0", "v1.1.0"):
        assert built.run("platform", "promote", version, "--to", "staging").code == 0
    back = ("v1.0.0", "--env", "staging", "--reason", "corrupts orders")
    assert built.run("platform", "rollback", *back).code == 0
    return built


def test_rolled_back_version_is_refused_and_overridden_with_a_reason(floe: Floe) -> None:
    onward = ("platform", "promote", "v1.1.0", "--to", "prod")

    refused = floe.run(*onward)
    dry_run = floe.run(*onward, "--dry-run")
    done = floe.run(*onward, "--override-rollback", "--reason", "fixed in the database")

    assert (refused.code, dry_run.code, done.code) == (11, 11, 0)
    assert "staging was rolled back from v1.1.0 by" in refused.err
    assert "corrupts orders" in refused.err
    assert "--override-rollback --reason …" in refused.err
    assert "Promotion would succeed" not in dry_run.out
    assert "fixed in the database" in done.err


def test_older_version_is_refused_and_allowed_with_a_reason(floe: Floe) -> None:
    older = ("platform", "promote", "v0.9.0", "--to", "staging")
    allowed = (*older, "--allow-older", "--reason", "for the old line")

    refused, without_reason = floe.run(*older), floe.run(*older, "--allow-older")
    dry_run, done = floe.run(*allowed, "--dry-run"), floe.run(*allowed, "--output", "json")

    assert (refused.code, without_reason.code, dry_run.code, done.code) == (10, 2, 0, 0)
    assert "floe platform promote v0.9.0 --to staging --allow-older --reason …" in refused.err
    assert "say why" in without_reason.err
    assert "Impact:" in dry_run.out
    assert done.document["overrides"][0]["rule"] == "version order"
    assert done.document["overrides"][0]["reason"] == "for the old line"
    assert done.document["impact_analysis"]["versions_undone"] == ["v1.1.0", "v1.0.0"]


def test_rolled_back_version_is_promoted_again(floe: Floe) -> None:
    again = ("platform", "promote", "v1.1.0", "--to", "staging")
    release = ("platform", "release", "v1.1.0", "--env", "staging", "--reason", "fixed")

    refused, held = floe.run(*again, "--output", "json"), floe.run("platform", "status")
    released, twice, done = floe.run(*release), floe.run(*release), floe.run(*again)

    assert (refused.code, released.code, twice.code, done.code) == (11, 0, 0, 0), released.err
    assert refused.document["error"]["reason_code"] == "quarantined"
    assert (
        "floe platform release v1.1.0 --env staging --reason …"
        in (refused.document["error"]["message"])
    )
    assert "v1.1.0 is quarantined by" in held.out
    assert released.out.startswith("Released: v1.1.0 may be promoted to staging again")
    assert twice.out.startswith("Unchanged: v1.1.0 is not quarantined in staging")
    assert floe.run("platform", "audit", "verify").code == 0
    assert done.out.splitlines()[0] == "Promoted v1.1.0 from dev to staging"
