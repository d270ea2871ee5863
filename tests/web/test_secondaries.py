"""The page shows a secondary registry without the running version."""

from pathlib import Path

import pytest

from tests.web.stage import stage_in

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
