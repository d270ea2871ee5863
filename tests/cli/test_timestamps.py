"""Commands on a ledger whose entries have timestamps."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.seed import Layout
from tests.peers.fake_http import Reply
from tests.peers.timestamp_authority import TimestampAuthority
from tests.scenarios.commands import Floe

MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {{uri: "oci-layout:./registry"}}
  promotion: {{environments: [{{name: dev}}, {{name: staging}}]}}
ledger:
  signing: {{key: "file:floe.key"}}
  timestamp: {{url: "{url}", certificates: tsa/root.pem, required: {required}}}
  checkpoint: {{key: "file:checkpoint.key"}}
"""


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[TimestampAuthority]:
    with TimestampAuthority(tmp_path / "tsa") as found:
        yield found


@pytest.fixture
def floe(tmp_path: Path, authority: TimestampAuthority) -> Floe:
    """A platform whose entries get timestamps from `authority`; v1.0.0 is built."""
    Layout(tmp_path / "registry").publish("v1.0.0", {"release": 0})
    floe = Floe(tmp_path)
    floe.run("keys", "generate")
    floe.run("keys", "generate", "--kind", "ed25519", "--out", "checkpoint.key")
    write_manifest(floe, authority)
    return floe


def write_manifest(floe: Floe, authority: TimestampAuthority, required: str = "false") -> None:
    text = MANIFEST.format(url=authority.url, required=required)
    (floe.folder / "manifest.yaml").write_text(text)


def test_timestamps_are_verified_in_the_ledger_and_in_an_export(
    floe: Floe, authority: TimestampAuthority
) -> None:
    ended = [
        floe.promote("v1.0.0", "staging"),
        floe.run("platform", "audit", "verify"),
        floe.run("platform", "audit", "export", "exported"),
    ]
    keys = [
        arg
        for key in ("checkpoint.key.pub", "floe.key.pub", "tsa/root.pem")
        for arg in ("--key", key)
    ]
    offline = floe.run("platform", "audit", "verify", "--from", "exported", *keys)

    assert [each.code for each in (*ended, offline)] == [0, 0, 0, 0], (ended, offline)
    assert ended[0].document["warnings"] == []
    assert len(authority.requests) == 1
    assert "timestamp" not in ended[1].out + offline.out


def test_promotion_says_that_it_has_no_timestamp(floe: Floe, authority: TimestampAuthority) -> None:
    authority.always("POST", "/tsa", Reply(503))

    promoted, verified = floe.promote("v1.0.0", "staging"), floe.run("platform", "audit", "verify")

    assert (promoted.code, verified.code) == (0, 0)
    [warning] = promoted.document["warnings"]
    assert "is on record without a timestamp, since the timestamp authority 127.0.0.1:" in warning
    assert "1 entry (1) of staging without a timestamp" in verified.out


def test_required_timestamp_ends_the_command_with_5(
    floe: Floe, authority: TimestampAuthority
) -> None:
    authority.always("POST", "/tsa", Reply(503))
    write_manifest(floe, authority, required="true")

    promoted = floe.promote("v1.0.0", "staging")

    assert promoted.code == 5
    assert promoted.document["error"]["reason_code"] == "timestamp_unavailable"
    assert promoted.document["error"]["message"].startswith("Nothing was written, since the time")
