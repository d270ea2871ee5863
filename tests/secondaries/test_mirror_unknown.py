"""Content is sent if the registry does not say whether it has it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.registry.remote.auth.credentials import Password
from engine.adapters.registry.remote.auth.sources import always
from engine.domain.artifact import Tag
from engine.domain.errors import RegistryAccessError, RegistryUnavailableError
from engine.ports.secondary import TagCopy
from tests.builders import IMAGE_LAYER, descriptor, image, referrer
from tests.peers import raw
from tests.peers.docker_registry import docker_registry
from tests.peers.fake_http import Cut, FakeServer, Reply, Request
from tests.peers.fake_tokens import TokenAuth
from tests.peers.loopback import free_port
from tests.peers.proxy import Filter
from tests.scenarios.commands import Floe
from tests.secondaries.mirrors import (
    LAYER,
    NAMED,
    REPOSITORY,
    SBOM,
    V1,
    Opened,
    blobs,
    copied,
    mirror_to,
    with_layers,
)

pytestmark = pytest.mark.requirement("FR-028")
BLOBS = "/blobs/sha256:"


class GetOnly(FakeServer):
    """Storage whose signed URLs are for GET, as a bucket has them."""

    def respond(self, request: Request) -> Reply:
        return Reply(200, LAYER) if request.method == "GET" else Reply(403)


@pytest.fixture
def storage() -> Iterator[GetOnly]:
    with GetOnly() as running:
        yield running


@pytest.mark.parametrize("status", [400, 403, 405, 500, 501, 503])
def test_a_blob_whose_presence_is_unknown_is_sent(
    fake, secondary, artifact, opened: Opened, status: int
):
    for method in ("HEAD", "GET"):
        secondary.always(method, BLOBS, Reply(status))

    found = copied(mirror_to(opened(fake.host), opened(secondary.host)), artifact.manifest, V1)

    assert NAMED["digest"] in blobs(secondary)
    assert found.sent == 5000 + len(b"other") + len(b"{}")


def test_a_check_whose_connection_breaks_means_sending(fake, secondary, artifact, opened: Opened):
    for method in ("HEAD", "GET"):
        secondary.always(method, BLOBS, Cut.BEFORE)

    copied(mirror_to(opened(fake.host), opened(secondary.host)), artifact.manifest, V1)

    assert NAMED["digest"] in blobs(secondary)


def test_a_check_that_hangs_leaves_time_to_send(fake, secondary, artifact, opened: Opened):
    secondary.always("HEAD", BLOBS, Reply(200, delay_seconds=60))
    secondary.always("GET", BLOBS, Reply(200, delay_seconds=60))
    target = opened(secondary.host, timeout_seconds=4)

    copied(mirror_to(opened(fake.host), target), artifact.manifest, V1)

    assert NAMED["digest"] in blobs(secondary)


@pytest.mark.parametrize("deep", [False, True])
def test_blobs_of_a_known_manifest_are_looked_for_on_request(
    fake, secondary, artifact, opened: Opened, deep: bool
):
    mirror = mirror_to(opened(fake.host), opened(secondary.host))
    copied(mirror, artifact.manifest, V1)
    lost = secondary.repository(REPOSITORY).blobs.pop(NAMED["digest"])
    secondary.requests.clear()

    again = mirror.copy(artifact.manifest, deep=deep)

    assert again.sent == (len(lost) if deep else 0)
    assert (NAMED["digest"] in blobs(secondary)) == deep
    assert any("/blobs/" in each.path for each in secondary.requests) == deep


@pytest.mark.parametrize("status", [403, 405])
def test_a_blob_that_only_get_finds_is_not_sent_again(
    fake, secondary, artifact, opened: Opened, status: int
):
    secondary.always("HEAD", BLOBS, Reply(status))
    mirror = mirror_to(opened(fake.host), opened(secondary.host))
    copied(mirror, artifact.manifest, V1)

    again = copied(mirror, artifact.manifest, V1)

    assert again.sent == 0


def test_get_is_used_when_storage_refuses_head(fake, secondary, storage, opened: Opened):
    artifact = image(LAYER, config=LAYER)
    fake.hold(REPOSITORY, artifact, "v1.0.0")
    secondary.hold(REPOSITORY, artifact)
    for method in ("HEAD", "GET"):
        secondary.always(method, BLOBS, Reply(307, headers={"Location": f"http://{storage.host}/"}))

    found = mirror_to(opened(fake.host), opened(secondary.host)).copy(artifact.manifest, deep=True)

    assert found.sent == 0
    assert [request.headers["range"] for request in storage.seen("GET")] == ["bytes=0-0"]


def test_a_redirect_to_storage_that_is_down_means_sending(
    fake, secondary, artifact, opened: Opened
):
    down = Reply(307, headers={"Location": f"http://127.0.0.1:{free_port()}/bucket"})
    for method in ("HEAD", "GET"):
        secondary.always(method, BLOBS, down)

    copied(mirror_to(opened(fake.host), opened(secondary.host)), artifact.manifest, V1)

    assert NAMED["digest"] in blobs(secondary)


@pytest.mark.parametrize("reply", [Reply(403), Reply(405), Reply(500), Reply(503), Cut.BEFORE])
def test_a_mount_that_fails_means_sending(secondary, opened: Opened, reply: Reply | Cut):
    refused = isinstance(reply, Reply) and reply.status < 500
    artifact = image(LAYER, config=LAYER)
    secondary.hold("acme/source", artifact, "v1.0.0")
    # The mount with its repetitions; then comes the upload, which is not scripted.
    secondary.script("POST", f"{REPOSITORY}/blobs/uploads/", *[reply] * (1 if refused else 6))
    source, target = opened(secondary.host, "acme/source"), opened(secondary.host)

    found = mirror_to(source, target).copy(artifact.manifest)

    assert found.sent == len(LAYER)
    assert NAMED["digest"] in blobs(secondary)


@pytest.mark.parametrize("status", [403, 405, 501])
def test_manifests_are_read_with_get_when_head_is_refused(
    fake, secondary, artifact, opened: Opened, status: int
):
    secondary.always("HEAD", "", Reply(status))
    mirror = mirror_to(opened(fake.host), opened(secondary.host))

    found = mirror.copy(artifact.manifest)
    changed = mirror.publish((found,), [TagCopy(V1, artifact.manifest, immutable=True)])

    assert changed == ("v1.0.0",)
    assert mirror.resolve(V1) == artifact.manifest.digest
    assert mirror.resolve(Tag("v2.0.0")) is None


def test_a_manifest_whose_presence_is_unknown_is_sent(fake, secondary, artifact, opened: Opened):
    # Unknown when it is asked first; the registry answers once the manifest is stored.
    secondary.script("HEAD", "/manifests/sha256:", Reply(400))
    secondary.script("GET", "/manifests/sha256:", Reply(400))

    mirror_to(opened(fake.host), opened(secondary.host)).copy(artifact.manifest)

    assert str(artifact.manifest.digest) in secondary.repository(REPOSITORY).manifests


def test_no_upload_is_attempted_with_wrong_credentials(fake, secondary, artifact, opened: Opened):
    secondary.behaviour.auth = TokenAuth()
    target = opened(secondary.host, credentials=always(Password("alice", "wrong")))

    with pytest.raises(RegistryAccessError, match="alice"):
        mirror_to(opened(fake.host), target).copy(artifact.manifest)

    assert secondary.seen("POST", "/uploads/") == []


def test_nothing_is_sent_to_a_registry_that_is_down(fake, artifact, opened: Opened):
    requests: list[tuple[str, str]] = []
    observed = opened(
        f"127.0.0.1:{free_port()}", on_request=lambda *each: requests.append(each), pauses=()
    )

    with pytest.raises(RegistryUnavailableError, match="cannot be reached"):
        mirror_to(opened(fake.host), observed).copy(artifact.manifest)

    assert {method for method, _ in requests} == {"HEAD"}


@pytest.mark.parametrize(
    "extra", [{}, {"urls": ["https://elsewhere.example.com/layer"]}], ids=["media type", "urls"]
)
def test_a_foreign_layer_is_copied_when_its_existence_is_unknown(
    fake, secondary, opened: Opened, extra: dict[str, object]
):
    kind = IMAGE_LAYER if extra else "application/vnd.oci.image.layer.nondistributable.v1.tar"
    here, absent = descriptor(LAYER, kind, **extra), descriptor(b"absent", kind, **extra)
    made = with_layers(b"{}", here, absent)
    fake.hold(REPOSITORY, made, "v1.0.0")
    fake.repository(REPOSITORY).blobs[here["digest"]] = LAYER
    fake.always("HEAD", BLOBS, Reply(405))

    copied(mirror_to(opened(fake.host), opened(secondary.host)), made.manifest, V1)

    assert blobs(secondary) == {here["digest"], descriptor(b"{}", "")["digest"]}


def test_a_promotion_reaches_a_registry_behind_a_proxy_without_head(
    tmp_path: Path, registry_host: str, repository: str
):
    raw.push(registry_host, repository, image(b"one"), "v1.0.0-dev")
    with docker_registry(tmp_path) as running, Filter(running.host, Reply(405)) as proxy:
        proxy.refuses = lambda request: request.method == "HEAD"
        promotion = (
            "{environments: [{name: dev}, {name: staging}], "
            f"secondary_registries: [{{uri: 'oci://{proxy.host}/{REPOSITORY}'}}]}}"
        )
        floe = Floe.on(f"oci://{registry_host}/{repository}", tmp_path, promotion)

        ended = floe.promote("v1.0.0", "staging")
        again = floe.run("platform", "sync", "--output", "json")

    assert [each["status"] for each in ended.document["registry_sync"]] == ["synced"]
    assert [row["bytes_sent"] for row in again.document["registries"]] == [0, 0]


@pytest.mark.parametrize("status", [403, 410])
def test_the_referrers_tag_is_used_when_the_api_is_refused(secondary, opened: Opened, status: int):
    secondary.behaviour.sends_oci_subject = True
    secondary.always("GET", "/referrers/", Reply(status))
    subject = image(b"subject")
    attached = referrer(subject.manifest, SBOM)
    target = opened(secondary.host)

    target.put(attached.manifest)
    target.attach(subject.manifest.digest, attached.manifest.descriptor)

    assert f"sha256-{subject.manifest.digest.hex}" in secondary.repository(REPOSITORY).tags
