"""
Ctrl-C and SIGTERM at any point of a rollback or lock: exit 130, and the command can be repeated.
"""

import base64
import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.builders import image
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.commands import Floe, finish
from tests.scenarios.engines import path_of, promote
from tests.scenarios.shaky import REPOSITORY, shaky_engine

FREE = "{environments: [{name: dev}, {name: prod}]}"
ROLLBACK = ("rollback", "v1.0.0", "--env", "prod", "--reason", "INC-1")
LOCK = ("lock", "--env", "prod", "--reason", "INC-1")
INT, TERM = signal.SIGINT, signal.SIGTERM


def signing_in(fake: FakeRegistry) -> None:
    """Let the registry ask the next command for its password, and accept it."""
    challenge = Reply(401, b"", {"WWW-Authenticate": 'Basic realm="registry"'})
    fake.script("GET", "^/v2/$", challenge, Reply(200))


@pytest.fixture
def floe(fake: FakeRegistry, tmp_path: Path) -> Floe:
    """v1.0.0, then v1.1.0, were promoted to prod; alice's password is configured."""
    auth = base64.b64encode(b"alice:secret").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {fake.host: {"auth": auth}}}))
    uri = f"oci://{fake.host}/{REPOSITORY}"
    with shaky_engine(fake, tmp_path, path_of("dev", "prod")) as shaky:
        for version in ("v1.0.0", "v1.1.0"):
            shaky.place.push(image(version.encode()), f"{version}-dev")
            assert promote(shaky.engine, version, "prod").error is None
    return Floe.on(uri, tmp_path, FREE, DOCKER_CONFIG=str(tmp_path))


def leave_unanswered(fake: FakeRegistry, method: str, path: str) -> Callable[[], bool]:
    """Leave the next such request unanswered; the event is set when it arrives."""
    before = len(fake.seen(method, path))
    fake.script(method, path, Reply(500, delay_seconds=60))
    return lambda: len(fake.seen(method, path)) > before


def await_(arrived: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 60
    while not arrived() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def history(floe: Floe) -> list[dict[str, Any]]:
    shown = floe.run("platform", "status", "--env", "prod", "--history", "9", "--output", "json")
    records: list[dict[str, Any]] = shown.document[0]["history"]
    return records


@pytest.mark.requirement("NFR-004")
@pytest.mark.parametrize(
    ("sent", "method", "path"),
    [
        (INT, "GET", "^/v2/$"),
        (TERM, "GET", r"/manifests/floe-head\.prod$"),
        (INT, "POST", "/blobs/uploads/"),
        (TERM, "PUT", "/blobs/uploads/"),
        (INT, "PUT", "/manifests/v1.0.0-prod-rollback-1"),
        (TERM, "PUT", r"/manifests/floe-ledger\.prod\.3"),
        (INT, "PUT", r"/manifests/floe-head\.prod$"),
        (TERM, "PUT", "/manifests/latest-prod"),
    ],
)
def test_interrupted_rollback_ends_at_once_and_can_be_repeated(
    fake: FakeRegistry, floe: Floe, sent: signal.Signals, method: str, path: str
) -> None:
    arrived = leave_unanswered(fake, method, path)
    process = floe.start("platform", *ROLLBACK, "--output", "json")
    await_(arrived, process)
    started = time.monotonic()

    process.send_signal(sent)
    interrupted = finish(process)
    repeated = floe.run("platform", *ROLLBACK, "--output", "json")

    assert interrupted.code == 130
    assert interrupted.document["error"]["reason_code"] == "interrupted"
    assert "Traceback" not in interrupted.err
    assert time.monotonic() - started < 40
    assert repeated.code == 0, repeated.out
    assert [record["kind"] for record in history(floe)] == ["rollback", "promotion", "promotion"]
    tags = fake.repository(REPOSITORY).tags
    assert [tag for tag in tags if "-rollback-" in tag] == ["v1.0.0-prod-rollback-1"]
    assert tags["latest-prod"] == tags["v1.0.0-prod"]


@pytest.mark.requirement("NFR-004")
@pytest.mark.parametrize(
    ("sent", "method", "path"),
    [
        (INT, "GET", r"/manifests/floe-head\.prod$"),
        (TERM, "PUT", "/blobs/uploads/"),
        (INT, "PUT", r"/manifests/floe-ledger\.prod\.3"),
        (TERM, "PUT", r"/manifests/floe-head\.prod$"),
    ],
)
def test_interrupted_lock_ends_at_once_and_can_be_repeated(
    fake: FakeRegistry, floe: Floe, sent: signal.Signals, method: str, path: str
) -> None:
    signing_in(fake)
    arrived = leave_unanswered(fake, method, path)
    process = floe.start("platform", *LOCK, "--output", "json")
    await_(arrived, process)

    process.send_signal(sent)
    interrupted = finish(process)
    signing_in(fake)
    repeated = floe.run("platform", *LOCK, "--output", "json")

    assert interrupted.code == 130
    assert repeated.code == 0, repeated.out
    assert [record["kind"] for record in history(floe)] == ["lock", "promotion", "promotion"]
    # The manifest does not say that this registry verifies user names.
    assert history(floe)[0]["operator"].endswith("/alice")


def test_interrupt_while_a_refusal_is_recorded_keeps_its_answer(
    fake: FakeRegistry, floe: Floe
) -> None:
    signing_in(fake)
    assert floe.run("platform", *LOCK).code == 0
    fake.hold(REPOSITORY, image(b"v1.2.0"), "v1.2.0-dev")
    arrived = leave_unanswered(fake, "PUT", r"/manifests/floe-ledger\.prod\.4")
    process = floe.start("platform", "promote", "v1.2.0", "--to", "prod", "--output", "json")
    await_(arrived, process)

    process.send_signal(signal.SIGINT)
    done = finish(process)

    assert done.code == 13
    assert done.document["error"]["reason_code"] == "environment_locked"
    assert done.err == ""


def test_errors_while_a_refusal_is_recorded_are_not_shown(fake: FakeRegistry, floe: Floe) -> None:
    signing_in(fake)
    assert floe.run("platform", *LOCK).code == 0
    fake.hold(REPOSITORY, image(b"v1.2.0"), "v1.2.0-dev")
    fake.script("PUT", "/manifests/sha256-", Reply(403))

    done = floe.promote("v1.2.0", "prod")

    assert (done.code, done.err) == (13, "")
    assert history(floe)[0]["kind"] == "refusal"
