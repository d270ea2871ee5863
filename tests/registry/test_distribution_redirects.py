"""Redirects: followed for reads, and never with secrets to other hosts."""

from collections.abc import Callable, Iterator

import pytest

from engine.adapters.registry.remote.auth.credentials import Password
from engine.adapters.registry.remote.auth.sources import always
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import RegistryAnswerError, RegistryError
from tests.builders import image
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry
from tests.peers.fake_tokens import TokenAuth

Opened = Callable[..., DistributionRegistry]
REPOSITORY = "acme/platform"
CONTENT = b"content"
DIGEST = str(Digest.of(CONTENT))
ALICE = always(Password("alice", "s3cret"))


@pytest.fixture
def storage() -> Iterator[FakeRegistry]:
    """Another host, where blobs lie in a bucket."""
    with FakeRegistry() as running:
        running.always("GET", "^/bucket/", Reply(200, CONTENT))
        yield running


def moved(to: str, status: int = 307) -> Reply:
    return Reply(status, headers={"Location": to})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_blob_is_read_from_another_host_without_credentials(
    fake: FakeRegistry, storage: FakeRegistry, opened: Opened, status: int
) -> None:
    fake.behaviour.auth = TokenAuth()
    registry = opened(fake.host, credentials=ALICE)
    registry.tags()
    fake.always("GET", "/blobs/", moved(f"http://{storage.host}/bucket/x?signature=1", status))

    content = registry.blob(DIGEST, 100)

    (asked,) = storage.requests
    assert content == CONTENT
    assert asked.query == "signature=1"
    assert "authorization" not in asked.headers
    assert "authorization" in fake.requests[-1].headers


def test_a_redirect_within_the_registry_keeps_the_credentials(
    fake: FakeRegistry, opened: Opened
) -> None:
    fake.behaviour.auth = TokenAuth()
    fake.hold(REPOSITORY, image(), "v1.0.0")
    registry = opened(fake.host, credentials=ALICE)
    registry.tags()
    fake.script("GET", "/manifests/v1", moved(f"/v2/{REPOSITORY}/manifests/v1.0.0"))

    assert registry.fetch(Tag("v1")) == image().manifest
    assert "authorization" in fake.requests[-1].headers


def test_a_redirect_back_to_the_registry_has_no_credentials(
    fake: FakeRegistry, storage: FakeRegistry, opened: Opened
) -> None:
    registry = opened(fake.host, credentials=ALICE)
    fake.always("GET", "/blobs/", moved(f"http://{storage.host}/away"))
    storage.script("GET", "/away", moved(f"http://{fake.host}/back"))
    fake.always("GET", "/back", Reply(401, headers={"WWW-Authenticate": 'Basic realm="x"'}))

    with pytest.raises(RegistryError):
        registry.blob(DIGEST, 100)

    assert all("authorization" not in request.headers for request in fake.requests)


def test_the_fifth_redirect_is_followed_and_the_sixth_is_not(
    fake: FakeRegistry, opened: Opened
) -> None:
    registry = opened(fake.host)
    fake.script("GET", "", *[moved("/again") for _ in range(5)], Reply(200, CONTENT))
    assert registry.blob(DIGEST, 100) == CONTENT
    fake.always("GET", "", moved("/for/ever"))

    with pytest.raises(RegistryAnswerError, match="more than 5 times"):
        registry.blob(DIGEST, 100)

    assert len(fake.requests) == 12


@pytest.mark.parametrize("to", ["", "ftp://elsewhere/x", "http://[::1", "http://host:port/", "//"])
def test_a_redirect_to_an_invalid_url_is_an_error(
    fake: FakeRegistry, opened: Opened, to: str
) -> None:
    fake.always("GET", "/blobs/", moved(to))

    with pytest.raises(RegistryError):
        opened(fake.host).blob(DIGEST, 100)


def test_credentials_in_a_redirect_url_are_not_sent(
    fake: FakeRegistry, storage: FakeRegistry, opened: Opened
) -> None:
    fake.always("GET", "/blobs/", moved(f"http://user:password@{storage.host}/bucket/x"))

    assert opened(fake.host).blob(DIGEST, 100) == CONTENT
    assert "authorization" not in storage.requests[0].headers


def test_a_404_of_the_storage_is_an_error(
    fake: FakeRegistry, storage: FakeRegistry, opened: Opened
) -> None:
    fake.always("GET", "/manifests/", moved(f"http://{storage.host}/gone"))

    with pytest.raises(RegistryAnswerError, match="404"):
        opened(fake.host).fetch(Tag("v1.0.0"))


def test_a_404_after_a_redirect_elsewhere_is_an_error(fake: FakeRegistry, opened: Opened) -> None:
    fake.always("GET", "/manifests/", moved("/login"))

    with pytest.raises(RegistryAnswerError, match="404"):
        opened(fake.host).fetch(Tag("v1.0.0"))


def test_a_404_after_a_redirect_to_the_same_manifest_means_absent(
    fake: FakeRegistry, opened: Opened
) -> None:
    fake.script("GET", "/manifests/", moved("/v2/acme/renamed/manifests/v1.0.0"))

    assert opened(fake.host).fetch(Tag("v1.0.0")) is None


def test_a_write_is_never_redirected(
    fake: FakeRegistry, storage: FakeRegistry, opened: Opened
) -> None:
    fake.always("PUT", "/manifests/", moved(f"http://{storage.host}/bucket/x"))

    with pytest.raises(RegistryAnswerError):
        opened(fake.host).put(image().manifest, Tag("v1.0.0"))

    assert storage.requests == []


def test_an_upload_to_another_host_carries_no_credentials(
    fake: FakeRegistry, storage: FakeRegistry, opened: Opened
) -> None:
    fake.behaviour.auth = TokenAuth()
    where = {"Location": f"http://{storage.host}/upload?id=1"}
    storage.always("PUT", "/upload", Reply(201))
    registry = opened(fake.host, credentials=ALICE)
    registry.put(image().manifest, Tag("v1.0.0"))
    fake.always("POST", "/uploads/", Reply(202, headers=where))

    registry.open_upload().finish(CONTENT)

    (sent,) = storage.requests
    assert sent.query == f"id=1&digest={DIGEST}"
    assert "authorization" not in sent.headers


def test_cookies_of_one_host_do_not_reach_another(
    fake: FakeRegistry, storage: FakeRegistry, opened: Opened
) -> None:
    to_storage = {
        "Location": f"http://{storage.host}/bucket/x",
        "Set-Cookie": "session=hush; Path=/",
    }
    fake.always("GET", "/blobs/", Reply(307, headers=to_storage))

    opened(fake.host).blob(DIGEST, 100)

    assert "cookie" not in storage.requests[0].headers
