"""Answers of a remote registry to reads."""

import gzip
from collections.abc import Callable

import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import RegistryAnswerError, RegistryError
from engine.domain.manifest import IMAGE_MANIFEST, MAX_MANIFEST_BYTES, MEDIA_TYPES
from tests.builders import image, index
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry, oci_error

Opened = Callable[..., DistributionRegistry]
V1 = Tag("v1.0.0")
REPOSITORY = "acme/platform"
MANIFESTS = f"/{REPOSITORY}/manifests/"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_all_four_media_types_are_always_accepted(
    fake: FakeRegistry, opened: Opened, method: str
) -> None:
    registry = opened(fake.host)

    registry.fetch(V1) if method == "GET" else registry.resolve(V1)

    (asked,) = fake.seen(method)
    assert all(media_type in asked.headers["accept"] for media_type in MEDIA_TYPES)
    assert asked.headers["accept-encoding"] == "identity"


def test_an_index_is_found_in_a_registry_that_respects_accept(
    fake: FakeRegistry, opened: Opened
) -> None:
    artifact = index(image(b"a"), image(b"b"))
    fake.hold(REPOSITORY, artifact, "v1.0.0")

    found = opened(fake.host).resolve(V1)

    assert found == artifact.manifest.digest


@pytest.mark.parametrize("named", [None, "sha256:short", "sha512:" + "0" * 128])
def test_a_head_without_a_usable_digest_is_followed_by_a_get(
    fake: FakeRegistry, opened: Opened, named: str | None
) -> None:
    artifact = image()
    fake.hold(REPOSITORY, artifact, "v1.0.0")
    fake.behaviour.named_digest = named
    fake.behaviour.names_digest = named is not None

    found = opened(fake.host).resolve(V1)

    assert found == artifact.manifest.digest
    assert [request.method for request in fake.requests] == ["HEAD", "GET"]


def test_content_that_does_not_match_the_digest_header_is_rejected(
    fake: FakeRegistry, opened: Opened
) -> None:
    fake.hold(REPOSITORY, image(), "v1.0.0")
    fake.behaviour.named_digest = str(Digest.of(b"something else"))

    with pytest.raises(RegistryAnswerError, match="altered"):
        opened(fake.host).fetch(V1)


def test_content_that_does_not_match_the_requested_digest_is_rejected(
    fake: FakeRegistry, opened: Opened
) -> None:
    fake.hold(REPOSITORY, image(b"tampered"), "v1.0.0")
    wanted = image(b"original").manifest.digest
    content = image(b"tampered").manifest.content
    named = {"Content-Type": IMAGE_MANIFEST, "Docker-Content-Digest": str(wanted)}
    fake.always("GET", MANIFESTS, Reply(200, content, named))

    with pytest.raises(RegistryAnswerError, match="altered"):
        opened(fake.host).fetch(wanted)


@pytest.mark.parametrize("media_type", ["text/html; charset=utf-8", "application/json", ""])
def test_an_answer_that_is_not_a_manifest_is_rejected(
    fake: FakeRegistry, opened: Opened, media_type: str
) -> None:
    fake.always("GET", MANIFESTS, Reply(200, b"<html>", {"Content-Type": media_type}))

    with pytest.raises(RegistryAnswerError, match="is not a manifest type"):
        opened(fake.host).fetch(V1)


def test_parameters_of_the_content_type_do_not_matter(fake: FakeRegistry, opened: Opened) -> None:
    content = image().manifest.content
    headers = {"Content-Type": f"{IMAGE_MANIFEST.upper()} ; charset=utf-8"}
    fake.always("GET", MANIFESTS, Reply(200, content, headers))

    found = opened(fake.host).fetch(V1)

    assert found == image().manifest


@pytest.mark.parametrize("announced", [True, False])
def test_a_manifest_larger_than_four_mebibytes_is_refused(
    fake: FakeRegistry, opened: Opened, announced: bool
) -> None:
    body = b" " * (MAX_MANIFEST_BYTES + 1)
    length = {} if announced else {"Content-Length": str(10**12)}
    headers = {"Content-Type": IMAGE_MANIFEST, **length}
    fake.always("GET", MANIFESTS, Reply(200, body, headers))

    with pytest.raises(RegistryAnswerError, match=str(MAX_MANIFEST_BYTES)):
        opened(fake.host).fetch(V1)


def test_a_compressed_answer_is_refused_and_not_unpacked(
    fake: FakeRegistry, opened: Opened
) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    headers = {"Content-Type": IMAGE_MANIFEST, "Content-Encoding": "gzip"}
    fake.always("GET", MANIFESTS, Reply(200, bomb, headers))

    with pytest.raises(RegistryAnswerError, match="compressed"):
        opened(fake.host).fetch(V1)


def test_an_endless_error_is_truncated_to_one_line(fake: FakeRegistry, opened: Opened) -> None:
    words = "no\n\x1b[31m" + "x" * 1_000_000
    fake.always("GET", MANIFESTS, Reply(418, words.encode(), {"Content-Type": "text/plain"}))

    with pytest.raises(RegistryAnswerError) as caught:
        opened(fake.host).fetch(V1)

    message = str(caught.value)
    assert len(message) < 600
    assert message.isprintable()
    assert "418, no" in message


@pytest.mark.parametrize("code", ["MANIFEST_UNKNOWN", "NAME_UNKNOWN", ""])
def test_only_404_is_absent(fake: FakeRegistry, opened: Opened, code: str) -> None:
    fake.always("GET", MANIFESTS, oci_error(404, code) if code else Reply(404))

    assert opened(fake.host).fetch(V1) is None
    assert len(fake.requests) == 1


@pytest.mark.parametrize("status", [301, 304, 400, 402, 410, 451])
def test_other_statuses_do_not_mean_absent(fake: FakeRegistry, opened: Opened, status: int) -> None:
    fake.always("HEAD", MANIFESTS, Reply(status))

    with pytest.raises(RegistryError):
        opened(fake.host).resolve(V1)


def test_a_404_for_a_known_tag_is_retried(fake: FakeRegistry, opened: Opened) -> None:
    artifact = image()
    fake.hold(REPOSITORY, artifact, "latest-dev")
    registry = opened(fake.host)
    registry.resolve(Tag("latest-dev"))
    fake.script("GET", MANIFESTS, oci_error(404, "MANIFEST_UNKNOWN"))

    found = registry.fetch(Tag("latest-dev"))

    assert found == artifact.manifest


def test_a_tag_that_was_deleted_is_absent_in_the_end(fake: FakeRegistry, opened: Opened) -> None:
    fake.hold(REPOSITORY, image(), "v1.0.0")
    registry = opened(fake.host)
    registry.resolve(V1)
    fake.repository(REPOSITORY).tags.clear()

    assert registry.resolve(V1) is None
    assert registry.resolve(V1) is None
    assert len(fake.requests) == 1 + 3 + 1


def test_a_blob_is_checked_against_its_digest(fake: FakeRegistry, opened: Opened) -> None:
    digest = str(Digest.of(b"original"))
    fake.always("GET", "/blobs/", Reply(200, b"tampered"))

    with pytest.raises(RegistryAnswerError, match="altered"):
        opened(fake.host).blob(digest, 100)


def test_a_blob_named_by_sha512_is_read_and_checked(fake: FakeRegistry, opened: Opened) -> None:
    # sha512 of b"content"
    digest = (
        "sha512:b2d1d285b5199c85f988d03649c37e44fd3dde01e5d69c50fef90651962f48110e9340b6"
        "0d49a479c4c0b53f5f07d690686dd87d2481937a512e8b85ee7c617f"
    )
    fake.script("GET", "/blobs/", Reply(200, b"content"), Reply(200, b"other"))
    registry = opened(fake.host)

    assert registry.blob(digest, 100) == b"content"
    with pytest.raises(RegistryAnswerError, match="altered"):
        registry.blob(digest, 100)
