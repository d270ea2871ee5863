"""Raw registry HTTP: pushes that skopeo would refuse, and digests of tags."""

import hashlib

import httpx

from engine.domain.manifest import IMAGE_INDEX, IMAGE_MANIFEST, Manifest
from tests.builders import Artifact, descriptor

_ACCEPT = {"Accept": f"{IMAGE_MANIFEST}, {IMAGE_INDEX}"}


def push(host: str, repository: str, artifact: Artifact, tag: str | None = None) -> None:
    """Push `artifact` with all its content, under `tag` or by digest only."""
    with httpx.Client(base_url=f"http://{host}/v2/{repository}") as client:
        for part in artifact.whole():
            for blob in part.blobs:
                _push_blob(client, blob)
            _put(client, part.manifest, str(part.manifest.digest))
        if tag is not None:
            _put(client, artifact.manifest, tag)


def put_manifest(host: str, repository: str, manifest: Manifest, reference: str) -> None:
    """Put only the manifest."""
    with httpx.Client(base_url=f"http://{host}/v2/{repository}") as client:
        _put(client, manifest, reference)


def push_blob(host: str, repository: str, content: bytes) -> None:
    """Push one blob."""
    with httpx.Client(base_url=f"http://{host}/v2/{repository}") as client:
        _push_blob(client, content)


def digest(host: str, repository: str, tag: str) -> str | None:
    """Return the digest of the bytes under `tag`, or None without such a tag."""
    answer = httpx.get(f"http://{host}/v2/{repository}/manifests/{tag}", headers=_ACCEPT)
    if answer.status_code == httpx.codes.NOT_FOUND:
        return None
    return f"sha256:{hashlib.sha256(answer.raise_for_status().content).hexdigest()}"


def tags(host: str, repository: str) -> set[str]:
    answer = httpx.get(f"http://{host}/v2/{repository}/tags/list").raise_for_status()
    return set(answer.json()["tags"])


def _put(client: httpx.Client, manifest: Manifest, reference: str) -> None:
    headers = {"Content-Type": manifest.media_type}
    client.put(
        f"/manifests/{reference}", content=manifest.content, headers=headers
    ).raise_for_status()


def _push_blob(client: httpx.Client, content: bytes) -> None:
    opened = client.post("/blobs/uploads/").raise_for_status()
    location = client.base_url.join(opened.headers["Location"])
    digest = descriptor(content, "")["digest"]
    client.put(location.copy_add_param("digest", digest), content=content).raise_for_status()
