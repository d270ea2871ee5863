"""Copies between registries with credentials, and slow registries."""

import time
from pathlib import Path

import pytest

from engine.adapters.registry.remote.auth.credentials import Password
from engine.adapters.registry.remote.auth.sources import always
from engine.domain.errors import (
    RegistryAccessError,
    RegistryUnavailableError,
)
from tests.builders import descriptor, image
from tests.peers.fake_http import FakeServer, Reply, Request
from tests.peers.fake_registry import Behaviour, FakeRegistry
from tests.peers.fake_tokens import TokenAuth
from tests.secondaries.mirrors import (
    LAYER,
    NAMED,
    REPOSITORY,
    SECTION,
    V1,
    Opened,
    blobs,
    copied,
    mirror_to,
)

pytestmark = pytest.mark.requirement("FR-028")


def test_an_error_of_credentials_names_its_section(fake, secondary, artifact, opened: Opened):
    secondary.behaviour.auth = TokenAuth()
    target = opened(secondary.host, credentials=always(Password("alice", "wrong")))

    with pytest.raises(RegistryAccessError, match="alice") as raised:
        mirror_to(opened(fake.host), target).copy(artifact.manifest)

    assert f"{SECTION}.auth" in str(raised.value)


def test_each_registry_gets_its_own_credentials(fake, secondary, artifact, opened: Opened):
    fake.behaviour.auth = TokenAuth("reader", "one")
    secondary.behaviour.auth = TokenAuth("writer", "two")
    source = opened(fake.host, credentials=always(Password("reader", "one")))
    target = opened(secondary.host, credentials=always(Password("writer", "two")))

    copied(mirror_to(source, target), artifact.manifest, V1)

    assert secondary.repository(REPOSITORY).tags == {"v1.0.0": str(artifact.manifest.digest)}


class Revoking(FakeRegistry):
    """A registry whose tokens end at the very moment a blob comes, once."""

    revoked = False

    def respond(self, request: Request) -> Reply:
        auth = self.behaviour.auth
        if auth and not self.revoked and request.method == "PUT":
            self.revoked = True
            auth.revoke()
        return super().respond(request)


def test_a_token_that_expires_in_the_middle_is_renewed(fake, opened: Opened):
    # One blob, so that the end of all tokens meets none that was issued only just now.
    artifact = image(LAYER, config=LAYER)
    fake.hold(REPOSITORY, artifact, "v1.0.0")
    with Revoking(Behaviour(auth=TokenAuth())) as secondary:
        target = opened(secondary.host, credentials=always(Password("alice", "s3cret")))

        copied(mirror_to(opened(fake.host), target), artifact.manifest, V1)

        assert secondary.revoked
        assert secondary.repository(REPOSITORY).blobs[NAMED["digest"]] == LAYER
        assert secondary.repository(REPOSITORY).tags == {"v1.0.0": str(artifact.manifest.digest)}


class Storage(FakeServer):
    """Where a registry sends readers for its blobs."""

    def respond(self, request: Request) -> Reply:
        return Reply(200, LAYER)


def test_a_storage_host_never_gets_credentials(fake, secondary, artifact, opened: Opened):
    fake.behaviour.auth = TokenAuth()
    source = opened(fake.host, credentials=always(Password("alice", "s3cret")))
    with Storage() as storage:
        moved = Reply(307, b"", {"Location": f"http://{storage.host}/blob?signature=1"})
        source.resolve(V1)
        fake.always("GET", NAMED["digest"], moved)

        copied(mirror_to(source, opened(secondary.host)), artifact.manifest, V1)

        assert NAMED["digest"] in blobs(secondary)
        assert ["authorization" in request.headers for request in storage.requests] == [False]


def test_a_hanging_secondary_times_out_once_and_not_per_blob(fake, secondary, opened: Opened):
    many = image(*(f"{number}".encode() for number in range(100)))
    fake.hold(REPOSITORY, many, "v1.0.0")
    for method in ("HEAD", "POST"):
        secondary.always(method, "/blobs/", Reply(404, delay_seconds=30))
    mirror = mirror_to(opened(fake.host), opened(secondary.host, timeout_seconds=0.5))

    with pytest.raises(RegistryUnavailableError, match="in time"):
        mirror.copy(many.manifest)

    # Those that were side by side when the time was over, and no others.
    assert len([each for each in secondary.requests if "/blobs/" in each.path]) <= 12


def test_a_slow_secondary_has_one_timeout_for_all_requests(fake, secondary, opened: Opened):
    many = image(*(f"{number}".encode() for number in range(100)))
    fake.hold(REPOSITORY, many, "v1.0.0")
    secondary.always("HEAD", "/blobs/", Reply(404, delay_seconds=0.5))
    mirror = mirror_to(opened(fake.host), opened(secondary.host, timeout_seconds=1))

    with pytest.raises(RegistryUnavailableError):
        mirror.copy(many.manifest)

    assert len(secondary.seen("HEAD", "/blobs/")) < 100


def test_a_directory_does_not_wait_for_content_that_only_trickles(
    fake, opened: Opened, tmp_path: Path
):
    slow = image(b"x" * 2000)
    fake.hold(REPOSITORY, slow, "v1.0.0")
    fake.always("GET", descriptor(b"x" * 2000, "")["digest"], Reply(200, b"x" * 2000, {}, 0, 0.05))
    mirror = mirror_to(opened(fake.host, timeout_seconds=0.5), tmp_path / "disk")
    start = time.monotonic()

    with pytest.raises(RegistryUnavailableError, match="did not answer"):
        mirror.copy(slow.manifest)

    assert time.monotonic() - start < 10


def test_content_that_only_trickles_times_out(fake, secondary, opened: Opened):
    slow = image(b"x" * 2000)
    fake.hold(REPOSITORY, slow, "v1.0.0")
    fake.always("GET", descriptor(b"x" * 2000, "")["digest"], Reply(200, b"x" * 2000, {}, 0, 0.05))
    mirror = mirror_to(opened(fake.host), opened(secondary.host, timeout_seconds=0.5))

    with pytest.raises(RegistryUnavailableError, match="less than 1 MiB in 0.5 s"):
        mirror.copy(slow.manifest)
