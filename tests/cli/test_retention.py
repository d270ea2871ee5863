"""`floe platform retention` lists tags as text, JSON and rules."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.builders import image
from tests.cli.serving import serving, write_manifest
from tests.peers import oci_layout
from tests.peers.oidc_provider import oidc_provider
from tests.scenarios.commands import Floe

AT = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%dT%H:%M}Z"


def test_retention_lists_tags_and_refuses_rules_for_a_directory(tmp_path: Path) -> None:
    for version in ("v0.9.0", "v1.0.0", "v1.1.0"):
        oci_layout.write(tmp_path / "registry", image(version.encode()), f"{version}-dev")
    floe = Floe.on("oci-layout:./registry", tmp_path)
    for version in ("v1.0.0", "v1.1.0"):
        assert floe.run("platform", "promote", version, "--to", "staging").code == 0

    listed = floe.run("platform", "retention", "--keep", "1")
    found = floe.run("platform", "retention", "--keep", "1", "--output", "json").document
    refused = floe.run("platform", "retention", "--format", "ecr")

    patterns = found["patterns"]
    assert listed.out.splitlines() == [
        "dev: nothing was promoted",
        "staging: v1.1.0 runs; a rollback is possible to v1.0.0",
        "prod: nothing was promoted",
        "Keep these tags:",
        *(f"  {each}" for each in patterns),
    ]
    assert "No open change is stored here" in listed.err
    assert set(patterns) >= {"latest-*", "*-staging", "v1.0.0-dev", "v1.1.0-dev"}
    assert "v0.9.0-dev" not in patterns
    assert [each["environment"] for each in found["environments"]] == ["dev", "staging", "prod"]
    assert found["environments"][1]["versions"][0]["version"] == "v1.1.0"
    assert refused.code == 2
    assert "is a directory" in refused.err


def test_builds_of_scheduled_changes_are_kept(tmp_path: Path) -> None:
    with oidc_provider(tmp_path) as provider:
        place = tmp_path / "platform"
        write_manifest(place, "oci-layout:./registry", provider.issuer)
        for version in ("v0.8.0", "v0.9.0", "v1.0.0"):
            oci_layout.write(place / "registry", image(version.encode()), f"{version}-dev")
        with serving(place) as server:
            client = server.client(tmp_path / "ci", provider.id_token("bob"))
            asked = client.promote("v0.9.0", "staging", "--at", AT)

            listed = Floe(place).run("platform", "retention", "--keep", "1")

    assert asked.code == 14, asked.err
    builds = [line.strip() for line in listed.out.splitlines() if line.endswith("0-dev")]
    assert builds == ["v0.9.0-dev", "v1.0.0-dev"]
    assert "No open change" not in listed.err
