"""The page shows a secondary registry without the running version; programs repair it."""

from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.domain.artifact import Tag
from tests.builders import image
from tests.peers.fake_issuer import FakeIssuer
from tests.peers.signing import SigningKey, claims
from tests.web.stage import ALICE, stage_in

# No process listens on the port of "discard".
DOWN = "127.0.0.1:9/acme/copy"


@pytest.mark.requirement("FR-030")
def test_secondary_that_missed_a_promotion_is_shown_beside_the_running_version(
    tmp_path: Path,
) -> None:
    secondary = f'{{uri: "oci://{DOWN}", timeout_seconds: 5}}'

    with stage_in(tmp_path, secondaries=secondary) as stage:
        stage.publish("v1.0.0")
        change = stage.ask("v1.0.0", "staging")
        first, own = stage.get("/"), stage.get(f"/changes/{change.id}")

    assert f"not on {DOWN}" in first
    assert f"the secondary registry {DOWN} does not have this change" in own


def test_program_copies_versions_without_a_record(tmp_path: Path) -> None:
    key, disk = SigningKey.new(), tmp_path / "disk"
    with FakeIssuer(key) as issuer:
        oidc = f"{{issuer: '{issuer.issuer}', audience: floe}}"
        said = claims(issuer.issuer, sub=ALICE, email=ALICE, email_verified=True)
        signed_in = {"Authorization": f"Bearer {key.sign(said)}"}
        secondary = f'{{uri: "oci-layout:{disk}"}}'
        with stage_in(tmp_path, oidc=oidc, secondaries=secondary) as stage:
            stage.publish("v1.0.0")
            for body in ({}, {"published": True}):
                answer = stage.client.post("/api/v1/sync", json=body, headers=signed_in)
                assert answer.status_code == 200, answer.text

    assert answer.json["registries"][0]["changed"] == ["v1.0.0-dev"]
    assert LayoutRegistry(disk).resolve(Tag("v1.0.0-dev")) == image(b"v1.0.0").manifest.digest
