"""`floe platform promote --at` on a server: schedule, move and cancel; locally it is refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.builders import image
from tests.cli.serving import serving, write_manifest
from tests.peers import oci_layout
from tests.peers.oidc_provider import oidc_provider
from tests.scenarios.commands import Floe

AT, LATER = (f"{datetime.now(UTC) + timedelta(days=d):%Y-%m-%dT%H:%M}Z" for d in (2, 3))
JSON = ("--output", "json")


def test_promotion_is_scheduled_moved_and_cancelled(tmp_path: Path) -> None:
    with oidc_provider(tmp_path) as provider:
        place = tmp_path / "platform"
        write_manifest(place, "oci-layout:./registry", provider.issuer)
        oci_layout.write(place / "registry", image(), "v1.0.0-dev")
        with serving(place) as server:
            floe = server.client(tmp_path / "ci", provider.id_token("bob"))

            asked = floe.promote("v1.0.0", "staging", "--at", AT)
            change = asked.document["change_id"]
            moved = floe.run("platform", "reschedule", change, "--at", LATER, *JSON)
            shown = floe.run("platform", "changes", "show", change)
            bad = floe.run("platform", "reschedule", change, "--at", "2020-01-01T00:00Z", *JSON)
            ended = floe.run("platform", "cancel", change, *JSON)
            soon = f"{datetime.now(UTC) + timedelta(seconds=4):%Y-%m-%dT%H:%M:%S}Z"
            done = floe.promote("v1.0.0", "staging", "--at", soon, "--wait", "60s")

    assert (asked.code, asked.document["outcome"]) == (14, "pending"), asked.err
    assert "is scheduled for" in asked.document["error"]["message"]
    assert (moved.document["state"], moved.document["scheduled_at"][:16]) == (
        "scheduled",
        LATER[:16],
    )
    assert "Scheduled for" in shown.out
    assert (bad.code, bad.document["error"]["reason_code"]) == (2, "usage")
    assert (done.code, done.document["outcome"]) == (0, "promoted"), done.err
    assert (ended.code, ended.document["state"]) == (0, "cancelled")


def test_command_without_a_server_refuses_a_time(tmp_path: Path) -> None:
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")
    floe = Floe.on("oci-layout:./registry", tmp_path)

    done = floe.promote("v1.0.0", "staging", "--at", AT)

    assert done.code == 2
    assert "--at needs a server" in done.document["error"]["message"]
