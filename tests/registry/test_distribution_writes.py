"""Answers of a remote registry to writes."""

from collections.abc import Callable

import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import (
    RegistryAccessError,
    RegistryAnswerError,
    RegistryError,
    TagExistsError,
)
from tests.builders import image
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry, oci_error

Opened = Callable[..., DistributionRegistry]
REPOSITORY = "acme/platform"
TAG = Tag("v1.0.0-dev")
IMMUTABLE = {
    "ECR": oci_error(400, "TAG_INVALID", "The image tag already exists and is immutable"),
    "a proxy": Reply(400, b"tag is immutable", {"Content-Type": "text/plain"}),
    "Docker Hub": oci_error(403, "DENIED", "tag is protected"),
    "405": oci_error(405, "UNSUPPORTED"),
    "409": Reply(409),
    "Harbor": oci_error(412, "PRECONDITION", "configured as immutable"),
    "Nexus": oci_error(400, "UNKNOWN", detail="Repository does not allow updating assets: docker"),
    "ECR's own code": oci_error(400, "ImageTagAlreadyExistsException"),
    "Artifactory": oci_error(400, "MANIFEST_INVALID", detail={"description": "not allowed"}),
    "a policy": oci_error(422, "DENIED", "tag may not be overwritten"),
    "a web page": Reply(400, b"<html>no</html>", {"Content-Type": "text/html"}),
    "423": Reply(423),
}


@pytest.mark.parametrize("kind", IMMUTABLE)
def test_an_immutable_tag_with_other_content_is_a_conflict(
    fake: FakeRegistry, opened: Opened, kind: str
) -> None:
    old, new = image(b"old"), image(b"new")
    fake.hold(REPOSITORY, old, TAG.name)
    fake.behaviour.immutable = IMMUTABLE[kind]

    with pytest.raises(TagExistsError) as caught:
        opened(fake.host).put(new.manifest, TAG)

    message = str(caught.value)
    assert TAG.name in message
    assert str(old.manifest.digest) in message
    assert str(new.manifest.digest) in message


@pytest.mark.parametrize("kind", IMMUTABLE)
def test_an_immutable_tag_with_the_same_content_is_accepted(
    fake: FakeRegistry, opened: Opened, kind: str
) -> None:
    artifact = image()
    fake.hold(REPOSITORY, artifact, TAG.name)
    fake.behaviour.immutable = IMMUTABLE[kind]

    opened(fake.host).put(artifact.manifest, TAG)

    assert len(fake.seen("PUT")) == 1


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (oci_error(400, "TAG_INVALID", "bad tag"), RegistryAnswerError),
        (oci_error(403, "DENIED", "no push for you"), RegistryAccessError),
        (oci_error(409, "DENIED", "quarantined"), RegistryAnswerError),
        (oci_error(413, "SIZE_INVALID", "too large"), RegistryAnswerError),
        (oci_error(404, "NAME_UNKNOWN", "no such project"), RegistryAnswerError),
    ],
)
def test_a_refused_new_tag_shows_the_registry_message(
    fake: FakeRegistry, opened: Opened, reply: Reply, error: type[RegistryError]
) -> None:
    fake.always("PUT", "/manifests/", reply)

    with pytest.raises(error) as caught:
        opened(fake.host).put(image().manifest, TAG)

    assert reply.body.decode().split('"message": "')[1].split('"')[0] in str(caught.value)


def test_an_invalid_manifest_is_not_a_conflict(fake: FakeRegistry, opened: Opened) -> None:
    fake.hold(REPOSITORY, image(b"old"), "latest-dev")
    fake.always("PUT", "/manifests/", oci_error(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown"))

    with pytest.raises(RegistryAnswerError, match="MANIFEST_BLOB_UNKNOWN"):
        opened(fake.host).put(image(b"new").manifest, Tag("latest-dev"))


@pytest.mark.parametrize("status", [404, 413, 429])
def test_an_unrelated_refusal_is_not_a_conflict(
    fake: FakeRegistry, opened: Opened, status: int
) -> None:
    fake.hold(REPOSITORY, image(b"old"), TAG.name)
    fake.always("PUT", "/manifests/", oci_error(status, "DENIED"))

    with pytest.raises(RegistryError):
        opened(fake.host).put(image(b"new").manifest, TAG)


def test_a_conflict_shows_the_detail_of_the_refusal(fake: FakeRegistry, opened: Opened) -> None:
    fake.hold(REPOSITORY, image(b"old"), TAG.name)
    fake.behaviour.immutable = IMMUTABLE["Nexus"]

    with pytest.raises(TagExistsError) as caught:
        opened(fake.host).put(image(b"new").manifest, TAG)

    assert "Repository does not allow updating assets: docker" in str(caught.value)
    assert "uses TLS" not in str(caught.value)


def test_a_registry_that_stores_other_bytes_is_detected(fake: FakeRegistry, opened: Opened) -> None:
    fake.behaviour.corrupt = lambda content: content.replace(b" ", b"") + b"\n"

    with pytest.raises(RegistryAnswerError, match="instead of"):
        opened(fake.host).put(image(indent=2).manifest, TAG)


@pytest.mark.parametrize("write", ["manifest", "blob"])
def test_a_201_with_another_digest_is_an_error(
    fake: FakeRegistry, opened: Opened, write: str
) -> None:
    registry = opened(fake.host)
    fake.behaviour.named_digest = str(Digest.of(b"something else"))

    with pytest.raises(RegistryAnswerError, match="instead of"):
        if write == "manifest":
            registry.put(image().manifest, TAG)
        else:
            registry.open_upload().finish(b"content")


def test_a_201_without_a_digest_is_accepted(fake: FakeRegistry, opened: Opened) -> None:
    fake.behaviour.names_digest = False

    opened(fake.host).put(image().manifest, TAG)

    assert fake.repository(REPOSITORY).tags[TAG.name] == str(image().manifest.digest)


def test_manifests_are_sent_unchanged_with_their_media_type(
    fake: FakeRegistry, opened: Opened
) -> None:
    artifact = image(indent=5, zebra=[1.50])

    opened(fake.host).put(artifact.manifest, TAG)

    (sent,) = fake.seen("PUT")
    assert sent.body == artifact.manifest.content
    assert sent.headers["content-type"] == artifact.manifest.media_type


def test_repeated_query_keys_of_an_upload_url_are_kept(fake: FakeRegistry, opened: Opened) -> None:
    stored = opened(fake.host).open_upload().finish(b"content")

    (sent,) = fake.seen("PUT")
    assert sent.query == f"_state=a&_state=b&digest={stored.digest}"


@pytest.mark.parametrize(
    "location",
    ["{base}/v2/acme/platform/blobs/uploads/x", "x", "/v2/acme/platform/blobs/uploads/x"],
)
def test_an_upload_url_may_be_relative_or_absolute(
    fake: FakeRegistry, opened: Opened, location: str
) -> None:
    headers = {"Location": location.format(base=f"http://{fake.host}")}
    fake.script("POST", "/uploads/", Reply(202, headers=headers))
    fake.repository(REPOSITORY).uploads.add("x")

    opened(fake.host).open_upload().finish(b"content")

    assert [request.path for request in fake.seen("PUT")] == ["/v2/acme/platform/blobs/uploads/x"]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(202),
        Reply(201, headers={"Location": "x"}),
        Reply(202, headers={"Location": "ftp://elsewhere/x"}),
        Reply(202, headers={"Location": "http://[::1"}),
        Reply(202, headers={"Location": "http://host:port/x"}),
    ],
)
def test_an_upload_without_a_location_is_an_error(
    fake: FakeRegistry, opened: Opened, reply: Reply
) -> None:
    fake.always("POST", "/uploads/", reply)

    with pytest.raises(RegistryAnswerError):
        opened(fake.host).open_upload()
