"""`floe doctor` finds misconfigured registries, and says how to mend them."""

import signal
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from engine.doctor.registry_writes import tag_patterns
from tests.builders import image
from tests.docs.pages import blocks
from tests.doctor.clinic import examine, prepare
from tests.peers import raw
from tests.peers.docker_registry import PASSWORD, docker_registry
from tests.peers.fake_http import WRITES, Reply
from tests.peers.fake_registry import FakeRegistry, oci_error
from tests.peers.fake_tokens import BasicAuth
from tests.peers.loopback import free_port
from tests.peers.proxy import Filter, Proxy
from tests.scenarios.commands import finish


class LateProxy(Proxy):
    """A proxy whose answers have the time of an hour ago."""

    def __init__(self, upstream: str) -> None:
        super().__init__(upstream)
        server: Any = self._server
        an_hour_ago = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
        late = {"date_time_string": lambda *_: an_hour_ago}
        server.RequestHandlerClass = type("Late", (server.RequestHandlerClass,), late)


def test_registry_that_is_down_is_one_failure_with_the_address_to_check(tmp_path: Path) -> None:
    floe = prepare(tmp_path, f"oci://127.0.0.1:{free_port()}/acme/app")

    examined = examine(floe)

    row = examined.row("registry", "reachable")
    assert examined.failed == [("registry", "reachable")]
    assert row["advice"]
    assert "artifacts.registry.uri" in row["advice"]
    assert examined.verdict("registry", "pull") == "not tried"
    assert examined.code == 5


def test_wrong_password_is_found_with_the_command_that_mends_it(tmp_path: Path) -> None:
    auth = "auth: {type: basic, username: alice, password_env: REGISTRY_PASSWORD}"
    with docker_registry(tmp_path, htpasswd=True) as running:
        uri = f"oci://{running.host}/acme/app"
        wrong = examine(prepare(tmp_path, uri, registry=auth, REGISTRY_PASSWORD="wrong"))
        right = examine(prepare(tmp_path, uri, registry=auth, REGISTRY_PASSWORD=PASSWORD))

    row = wrong.row("registry", "credentials")
    assert wrong.failed == [("registry", "credentials")]
    assert "refused the user name or password" in row["found"]
    assert f"docker login {running.host}" in row["advice"]
    assert wrong.code == 5
    assert (
        "user 'alice' of artifacts.registry.auth" in right.row("registry", "credentials")["found"]
    )
    assert right.verdict("registry", "user names") == "passed"
    assert right.code == 0


def test_user_who_may_only_read_is_found_by_a_push(registry_host: str, tmp_path: Path) -> None:
    raw.push(registry_host, "doctor/reader", image(), "v1.0.0-dev")
    with Filter(registry_host, oci_error(403, "DENIED", "requested access is denied")) as proxy:
        proxy.refuses = lambda request: request.method in WRITES
        examined = examine(prepare(tmp_path, f"oci://{proxy.host}/doctor/reader"), "--write")

    row = examined.row("registry", "push")
    assert examined.failed == [("registry", "push")]
    assert "DENIED" in row["found"]
    assert row["advice"].startswith("Ask its owner for access")
    assert examined.verdict("registry", "pull") == "passed"
    assert examined.code == 5


def test_tags_that_can_be_moved_get_the_patterns_to_protect(
    registry_host: str, repository: str, tmp_path: Path
) -> None:
    examined = examine(prepare(tmp_path, f"oci://{registry_host}/{repository}"), "--write")

    row = examined.row("registry", "immutable tags")
    assert row["verdict"] == "warning"
    patterns = "floe-ledger.*, floe-policy.*, floe-findings.*, v*-prod, v*-rollback-*"
    assert row["advice"].startswith(f"Protect {patterns} with immutability rules")
    assert examined.verdict("registry", "moving tags") == "passed"
    assert examined.code == 0


def test_patterns_to_protect_are_those_of_the_page() -> None:
    patterns = tag_patterns(("dev", "staging", "prod"), ("head",), "0")

    [page] = [each for each in blocks("text") if "floe-findings.*" in each.text]
    assert {each.pattern for each in patterns if not each.moves} == {*page.text.split()}


@pytest.mark.parametrize(
    ("protects", "immutable", "moving"),
    [
        (lambda tag: tag.startswith(("floe-ledger.", "v", "floe-p", "floe-f")), "passed", "passed"),
        (lambda tag: True, "passed", "failed"),
        (lambda tag: tag.endswith("-prod"), "warning", "failed"),
    ],
)
def test_rules_for_immutable_tags_are_tried(
    protects: Any, immutable: str, moving: str, fake: FakeRegistry, tmp_path: Path
) -> None:
    fake.behaviour.immutable = oci_error(412, "PRECONDITION", "immutable")
    fake.behaviour.protects = protects

    examined = examine(prepare(tmp_path, f"oci://{fake.host}/acme/app"), "--write")

    assert examined.verdict("registry", "immutable tags") == immutable
    row = examined.row("registry", "moving tags")
    assert row["verdict"] == moving
    assert ("Exempt" in row["advice"]) is (moving == "failed")
    assert ("latest-prod" in row["advice"]) is (moving == "failed")
    assert examined.code == (2 if moving == "failed" else 0)


def test_clock_of_the_registry_is_compared(registry_host: str, tmp_path: Path) -> None:
    with LateProxy(registry_host) as proxy:
        examined = examine(prepare(tmp_path, f"oci://{proxy.host}/doctor/clock"))

    row = examined.row("registry", "clock")
    assert examined.failed == [("registry", "clock")]
    assert "s behind this machine" in row["found"]
    assert "timedatectl" in row["advice"]


def test_server_that_hangs_is_one_failed_row(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        uri = f"oci://127.0.0.1:{silent.getsockname()[1]}/acme/app"
        examined = examine(prepare(tmp_path, uri))

    assert examined.failed == [("registry", "reachable")]
    assert examined.row("registry", "reachable")["advice"]
    assert "waiting for registry" in examined.finished.err
    assert time.monotonic() - started < 60


def test_run_without_write_sends_only_reads(fake: FakeRegistry, tmp_path: Path) -> None:
    fake.hold("acme/app", image(), "v1.0.0-dev")

    examined = examine(prepare(tmp_path, f"oci://{fake.host}/acme/app"))

    assert {request.method for request in fake.requests} <= {"GET", "HEAD"}
    row = examined.row("registry", "push")
    assert row["verdict"] == "not tried"
    assert row["advice"] == "Run floe doctor --write to try it"
    said = prepare(tmp_path, f"oci://{fake.host}/acme/app").run("doctor").out
    assert "; floe doctor --write tries more" in said


def test_write_leaves_nothing_behind(tmp_path: Path) -> None:
    with docker_registry(tmp_path) as running:
        raw.push(running.host, "acme/app", image(), "v1.0.0-dev")
        links = tmp_path / "storage/docker/registry/v2/repositories"
        before = sorted(links.rglob("link"))

        examined = examine(prepare(tmp_path, f"oci://{running.host}/acme/app"), "--write")

        assert examined.row("registry", "clean-up")["found"] == "all that was written was removed"
        assert raw.tags(running.host, "acme/app") == {"v1.0.0-dev"}
        assert [path for path in sorted(links.rglob("current/link")) if path not in before] == []
        assert not [path for path in links.rglob("_uploads/*") if path not in before]
        assert examined.code == 0


def test_interrupted_run_removes_its_tags(fake: FakeRegistry, tmp_path: Path) -> None:
    fake.script("PUT", "/manifests/v0-floe-doctor", Reply(201, delay_seconds=2))
    floe = prepare(tmp_path, f"oci://{fake.host}/acme/app")
    running = floe.start("doctor", "--write", "--output", "json")
    end = time.monotonic() + 60
    while not fake.seen("PUT", "/manifests/v0-floe-doctor") and time.monotonic() < end:
        time.sleep(0.02)

    running.send_signal(signal.SIGINT)
    ended = finish(running)

    assert ended.code == 130
    written = fake.repository("acme/app")
    assert fake.seen("PUT", "/manifests/floe-ledger")
    assert not fake.seen("PUT", "/manifests/latest-floe-doctor")
    assert written.tags == written.manifests == {}


def test_list_of_tags_that_is_no_list_is_found(fake: FakeRegistry, tmp_path: Path) -> None:
    fake.always("GET", "/tags/list", Reply(200, b"<html>"))

    examined = examine(prepare(tmp_path, f"oci://{fake.host}/acme/app"))

    assert examined.failed == [("registry", "pull")]
    assert examined.row("registry", "pull")["advice"] == "Check artifacts.registry.uri"


def test_registry_that_deletes_nothing_is_named_with_its_leftovers(tmp_path: Path) -> None:
    with docker_registry(tmp_path, deletes=False) as running:
        examined = examine(prepare(tmp_path, f"oci://{running.host}/acme/app"), "--write")

        row = examined.row("registry", "clean-up")
        left = raw.tags(running.host, "acme/app")
    assert row["verdict"] == "warning"
    assert left
    assert all(tag in row["found"] for tag in left)
    assert "REGISTRY_STORAGE_DELETE_ENABLED=true" in row["advice"]


def test_features_of_a_newer_registry_are_found(fake: FakeRegistry, tmp_path: Path) -> None:
    fake.behaviour.referrers_api = fake.behaviour.sends_oci_subject = True
    for number in range(3):
        fake.hold("acme/app", image(), f"v1.0.{number}-dev")

    examined = examine(prepare(tmp_path, f"oci://{fake.host}/acme/app"), "--write")

    assert examined.row("registry", "referrers API")["found"] == "the registry has it"
    assert examined.row("registry", "subject")["found"] == "a referrer was acknowledged and listed"
    assert "into pages" in examined.row("registry", "tag pages")["found"]


def test_registry_that_checks_no_user_names_is_found(fake: FakeRegistry, tmp_path: Path) -> None:
    fake.behaviour.auth = BasicAuth(users=())
    auth = "auth: {type: basic, username: alice, password_env: REGISTRY_PASSWORD}"
    verified = "identity: {registry_users: {verified: true}}"
    floe = prepare(
        tmp_path,
        f"oci://{fake.host}/acme/app",
        registry=auth,
        more=verified,
        REGISTRY_PASSWORD="s3cret",
    )

    examined = examine(floe)

    row = examined.row("registry", "user names")
    assert examined.failed == [("registry", "user names")]
    assert "floe login" in row["advice"]
    assert examined.code == 2
