"""Interoperability with a registry with passwords, skopeo and oras."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import oras.provider
import pytest

from engine.adapters.registry.remote.auth.credentials import Password
from engine.adapters.registry.remote.auth.sources import always, anonymous
from engine.adapters.registry.remote.factory import open_registry
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.artifact import Tag
from engine.domain.errors import ConfigError, RegistryAccessError
from engine.domain.manifest import IMAGE_MANIFEST, Manifest
from tests.builders import image, index, shapes
from tests.peers import docker_registry as docker
from tests.peers import skopeo

Opened = Callable[..., DistributionRegistry]
SHAPES = shapes()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The host of a real registry that wants a password."""
    folder = tmp_path_factory.mktemp("guarded")
    with docker.docker_registry(folder, htpasswd=True) as running:
        yield running.host


def test_a_real_registry_accepts_the_right_password(
    guarded: str, opened: Opened, repository: str
) -> None:
    skopeo.push(guarded, repository, image(), "v1.0.0", f"{docker.USER}:{docker.PASSWORD}")
    credentials = always(Password(docker.USER, docker.PASSWORD))
    registry = opened(guarded, repository, credentials=credentials)

    registry.put(image().manifest, Tag("v1.0.0-dev"))

    assert registry.resolve(Tag("v1.0.0-dev")) == image().manifest.digest
    assert registry.accepted_user == docker.USER


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        (always(Password(docker.USER, "wrong")), "refused the user name or password"),
        (anonymous, "none were found"),
    ],
)
def test_a_real_registry_refuses_wrong_passwords(
    guarded: str, opened: Opened, credentials: object, words: str
) -> None:
    registry = opened(guarded, credentials=credentials)

    with pytest.raises(RegistryAccessError, match=words):
        registry.resolve(Tag("v1.0.0"))

    assert registry.accepted_user is None


@pytest.mark.requirement("FR-002")
@pytest.mark.parametrize("shape", SHAPES)
def test_what_skopeo_pushed_is_tagged_without_change(
    registry_host: str, opened: Opened, repository: str, shape: str
) -> None:
    artifact = SHAPES[shape]
    skopeo.push(registry_host, repository, artifact, "v1.0.0")
    registry = opened(registry_host, repository)
    found = registry.fetch(Tag("v1.0.0"))
    assert found == artifact.manifest

    registry.put(found, Tag("v1.0.0-dev"))

    assert registry.resolve(Tag("v1.0.0-dev")) == artifact.manifest.digest


def test_skopeo_reads_what_we_tagged(registry_host: str, opened: Opened, repository: str) -> None:
    artifact = image(config=b'{"architecture":"amd64","os":"linux"}', indent=2)
    skopeo.push(registry_host, repository, artifact, "v1.0.0")

    opened(registry_host, repository).put(artifact.manifest, Tag("v1.0.0-dev"))

    found = skopeo.inspect(registry_host, repository, "v1.0.0-dev")
    assert found["Digest"] == str(artifact.manifest.digest)
    assert sorted(found["RepoTags"]) == ["v1.0.0", "v1.0.0-dev"]


def test_oras_pulls_what_we_wrote(
    registry_host: str, opened: Opened, repository: str, tmp_path: Path
) -> None:
    registry = opened(registry_host, repository)
    blobs = [registry.open_upload().finish(content) for content in (b"{}", b'{"a": 1}')]
    config, layer = (blob.to_json() for blob in blobs)
    layer["annotations"] = {"org.opencontainers.image.title": "record.json"}
    document = {"schemaVersion": 2, "mediaType": IMAGE_MANIFEST}
    content = json.dumps(document | {"config": config, "layers": [layer]}, indent=2).encode()
    registry.put(Manifest(content, IMAGE_MANIFEST), Tag("v1.0.0"))

    client = oras.provider.Registry(hostname=registry_host, insecure=True)
    try:
        files = client.pull(
            target=f"{registry_host}/{repository}:v1.0.0", outdir=str(tmp_path / "out")
        )
    finally:
        client.session.close()

    assert [Path(file).read_bytes() for file in files] == [b'{"a": 1}']


def test_two_requests_promote_a_tag_and_all_of_them_are_seen(
    registry_host: str, opened: Opened, repository: str
) -> None:
    skopeo.push(registry_host, repository, index(image()), "v1.0.0")
    seen: list[tuple[str, str]] = []
    registry = opened(
        registry_host, repository, on_request=lambda method, path: seen.append((method, path))
    )

    found = registry.fetch(Tag("v1.0.0"))
    assert found is not None
    registry.put(found, Tag("v1.0.0-dev"))

    manifests = f"/v2/{repository}/manifests"
    assert seen == [("GET", f"{manifests}/v1.0.0"), ("PUT", f"{manifests}/v1.0.0-dev")]


def test_a_moving_tag_is_never_absent_to_readers(
    registry_host: str, opened: Opened, repository: str
) -> None:
    images = [image(b"one"), image(b"two")]
    for number, artifact in enumerate(images):
        skopeo.push(registry_host, repository, artifact, f"v{number}")
    registry = opened(registry_host, repository)
    latest = Tag("latest-dev")
    registry.put(images[0].manifest, latest)
    stop = threading.Event()

    def move() -> None:
        for number in range(60):
            registry.put(images[number % 2].manifest, latest)
        stop.set()

    mover = threading.Thread(target=move)
    mover.start()
    found = set()
    while not stop.is_set():
        manifest = registry.fetch(latest)
        found.add(manifest.digest if manifest else None)
    mover.join()

    assert found <= {artifact.manifest.digest for artifact in images}


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("registry.example", "Acme/x"),
        ("registry.example", "a/../b"),
        ("registry.example", "a?x=1"),
        ("registry.example", ""),
        ("user@registry.example", "acme/x"),
        ("registry.example/x", "acme/x"),
        ("", "acme/x"),
    ],
)
def test_an_invalid_repository_is_a_configuration_error(host: str, name: str) -> None:
    with pytest.raises(ConfigError, match=r"artifacts\.registry\.uri"):
        open_registry(host, name, credentials=anonymous)
