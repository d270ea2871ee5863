"""Registries that are slow, busy, broken or unreachable."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import RegistryAnswerError, RegistryUnavailableError
from engine.domain.manifest import IMAGE_MANIFEST
from tests.builders import image
from tests.peers.fake_http import Cut, Reply
from tests.peers.fake_registry import FakeRegistry, oci_error
from tests.peers.loopback import free_port

Opened = Callable[..., DistributionRegistry]
REPOSITORY = "acme/platform"
V1 = Tag("v1.0.0")


@pytest.mark.parametrize(
    "trouble", [Reply(500), Reply(502), Reply(503), Reply(504), Reply(429), Cut.BEFORE]
)
def test_a_read_is_retried_after_a_transient_error(
    fake: FakeRegistry, opened: Opened, trouble: Reply | Cut
) -> None:
    artifact = image()
    fake.hold(REPOSITORY, artifact, "v1.0.0")
    fake.script("GET", "/manifests/", trouble, trouble)

    found = opened(fake.host).fetch(V1)

    assert found == artifact.manifest
    assert len(fake.requests) == 3


def test_a_truncated_body_is_not_accepted(fake: FakeRegistry, opened: Opened) -> None:
    artifact = image()
    fake.hold(REPOSITORY, artifact, "v1.0.0")
    headers = {"Content-Type": IMAGE_MANIFEST}
    fake.script("GET", "/manifests/", Reply(200, artifact.manifest.content, headers, cut_after=20))

    found = opened(fake.host).fetch(V1)

    assert found == artifact.manifest
    assert len(fake.requests) == 2


@pytest.mark.parametrize("when", list(Cut))
def test_a_manifest_is_put_again_when_the_connection_breaks(
    fake: FakeRegistry, opened: Opened, when: Cut
) -> None:
    artifact = image()
    fake.cut_write(1, when)

    opened(fake.host).put(artifact.manifest, V1)

    assert fake.repository(REPOSITORY).tags == {"v1.0.0": str(artifact.manifest.digest)}
    assert len(fake.seen("PUT")) == 2


def test_a_registry_that_stays_broken_is_unavailable_after_a_few_requests(
    fake: FakeRegistry, opened: Opened
) -> None:
    fake.always("HEAD", "/manifests/", Reply(503))

    with pytest.raises(RegistryUnavailableError, match="answered 503 to HEAD /v2/acme/platform"):
        opened(fake.host).resolve(V1)

    assert 2 <= len(fake.requests) <= 8


def test_retry_after_is_honoured(fake: FakeRegistry, opened: Opened) -> None:
    fake.hold(REPOSITORY, image(), "v1.0.0")
    fake.script("HEAD", "/manifests/", Reply(429, headers={"Retry-After": "1"}))
    start = time.monotonic()

    opened(fake.host).resolve(V1)

    assert time.monotonic() - start >= 1
    assert len(fake.requests) == 2


def test_a_retry_after_beyond_the_deadline_is_not_waited_for(
    fake: FakeRegistry, opened: Opened
) -> None:
    fake.always("HEAD", "/manifests/", Reply(429, headers={"Retry-After": "3600"}))

    with pytest.raises(RegistryUnavailableError, match="try again in 3600 s"):
        opened(fake.host).resolve(V1)

    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    "after",
    ["soon", "-1", "Wed, 21 Oct 2015 07:28:00 GMT", "Wed", "Fri, 31 Dec 9999 23:59:59 -2359"],
)
def test_an_invalid_retry_after_is_ignored(fake: FakeRegistry, opened: Opened, after: str) -> None:
    fake.hold(REPOSITORY, image(), "v1.0.0")
    fake.script("HEAD", "/manifests/", Reply(429, headers={"Retry-After": after}))

    assert opened(fake.host).resolve(V1) is not None


def test_a_refused_connection_fails_within_five_seconds(opened: Opened) -> None:
    with FakeRegistry() as gone:
        host = gone.host
    attempts: list[str] = []
    registry = opened(host, on_request=lambda method, path: attempts.append(path))
    start = time.monotonic()

    with pytest.raises(RegistryUnavailableError, match=f"{host} cannot be reached"):
        registry.resolve(V1)

    assert time.monotonic() - start < 5
    assert 2 <= len(attempts) <= 8


def test_an_unknown_host_name_fails_at_once(opened: Opened) -> None:
    with pytest.raises(RegistryUnavailableError, match="cannot be reached"):
        opened("no-such-host.invalid").resolve(V1)


@pytest.mark.parametrize(
    "slow",
    [
        Reply(200, b"{}", {"Content-Type": IMAGE_MANIFEST}, delay_seconds=60),
        Reply(200, b" " * 600, {"Content-Type": IMAGE_MANIFEST}, drip_seconds=0.1),
        Reply(200, headers={"X-Slow": "x" * 600}, drip_seconds=0.1, drips_head=True),
        Reply(404, headers={"X-Slow": "x" * 600}, drip_seconds=0.1, drips_head=True),
    ],
    ids=["silent", "dripping", "dripping head", "dripping head of an error"],
)
def test_a_slow_answer_ends_at_the_deadline(
    fake: FakeRegistry, opened: Opened, slow: Reply
) -> None:
    fake.always("GET", "/manifests/", slow)
    start = time.monotonic()

    with pytest.raises(RegistryUnavailableError, match="did not answer"):
        opened(fake.host, timeout_seconds=1.0).fetch(V1)

    assert time.monotonic() - start < 10


def test_a_trickling_blob_times_out(fake: FakeRegistry, opened: Opened, tmp_path: Path) -> None:
    content = b"x" * 600
    fake.always("GET", "/blobs/", Reply(200, content, drip_seconds=0.1))
    start = time.monotonic()

    with (
        (tmp_path / "blob").open("w+b") as file,
        pytest.raises(RegistryUnavailableError, match="did not answer"),
    ):
        opened(fake.host, timeout_seconds=1.0).save(str(Digest.of(content)), len(content), file)

    assert time.monotonic() - start < 10


def test_a_large_blob_may_take_longer_than_the_timeout(
    fake: FakeRegistry, opened: Opened, tmp_path: Path
) -> None:
    content = b"x" * (3 * 1024 * 1024)
    pieces = Reply(200, content, drip_seconds=0.4, drip_bytes=512 * 1024)
    fake.always("GET", "/blobs/", pieces)

    with (tmp_path / "blob").open("w+b") as file:
        opened(fake.host, timeout_seconds=1.5).save(str(Digest.of(content)), len(content), file)

        assert file.tell() == len(content)


def test_retries_end_at_the_deadline(fake: FakeRegistry, opened: Opened) -> None:
    fake.always("GET", "/manifests/", Reply(503, delay_seconds=0.2))
    start = time.monotonic()

    with pytest.raises(RegistryUnavailableError):
        opened(fake.host, timeout_seconds=0.5).fetch(V1)

    assert time.monotonic() - start < 5
    assert len(fake.requests) <= 3


@pytest.mark.parametrize(
    "gone",
    [Reply(404), Reply(410), Reply(416), oci_error(400, "BLOB_UPLOAD_UNKNOWN")],
    ids=["404", "410", "416", "400"],
)
def test_an_upload_whose_session_is_gone_is_opened_again(
    fake: FakeRegistry, opened: Opened, gone: Reply
) -> None:
    upload = opened(fake.host).open_upload()
    fake.script("PUT", "/uploads/", gone)

    stored = upload.finish(b"content")

    assert fake.repository(REPOSITORY).blobs == {stored.digest: b"content"}
    assert [request.method for request in fake.requests] == ["POST", "PUT", "POST", "PUT"]


@pytest.mark.parametrize("trouble", [Cut.BEFORE, Cut.AFTER, Reply(500)])
def test_a_blob_is_uploaded_again_when_its_arrival_is_unknown(
    fake: FakeRegistry, opened: Opened, trouble: Reply | Cut
) -> None:
    upload = opened(fake.host).open_upload()
    fake.script("PUT", "/uploads/", trouble)

    stored = upload.finish(b"content")

    assert fake.repository(REPOSITORY).blobs == {stored.digest: b"content"}
    assert len(fake.seen("POST")) == 2


def test_an_upload_that_fails_twice_is_an_error(fake: FakeRegistry, opened: Opened) -> None:
    upload = opened(fake.host).open_upload()
    fake.always("PUT", "/uploads/", oci_error(404, "BLOB_UPLOAD_UNKNOWN"))

    with pytest.raises(RegistryAnswerError, match="BLOB_UPLOAD_UNKNOWN"):
        upload.finish(b"content")

    assert len(fake.seen("PUT")) == 2


def test_a_registry_that_goes_away_during_an_upload_is_unavailable(
    fake: FakeRegistry, opened: Opened
) -> None:
    upload = opened(fake.host).open_upload()
    fake.cut_write(1, Cut.BEFORE, then_gone=True)

    with pytest.raises(RegistryUnavailableError):
        upload.finish(b"content")

    assert fake.repository(REPOSITORY).blobs == {}


def test_a_retry_is_logged_without_the_query_of_its_url(
    fake: FakeRegistry, opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    fake.script("GET", "/blobs/", Reply(307, headers={"Location": "/storage?signature=hush"}))
    fake.script("GET", "/storage", Reply(500), Reply(200, b"content"))

    opened(fake.host).blob(str(Digest.of(b"content")), 100)

    assert "asking again" in caplog.text
    assert "hush" not in caplog.text


def test_a_refused_connection_is_tried_three_times(opened: Opened) -> None:
    sent: list[str] = []
    host = f"127.0.0.1:{free_port()}"
    start = time.monotonic()

    with pytest.raises(RegistryUnavailableError, match="cannot be reached"):
        opened(host, on_request=lambda method, path: sent.append(method)).resolve(V1)

    assert sent == ["HEAD"] * 3
    assert time.monotonic() - start < 2


def test_an_upload_is_not_opened_again_and_again_where_nothing_listens(opened: Opened) -> None:
    sent: list[str] = []
    host = f"127.0.0.1:{free_port()}"

    with pytest.raises(RegistryUnavailableError, match="cannot be reached"):
        opened(host, on_request=lambda method, path: sent.append(method)).open_upload()

    assert sent == ["POST"] * 3
