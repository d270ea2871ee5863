"""Changes to a registry outside floe: by skopeo, plain HTTP, and an editor."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.domain.artifact import Tag
from engine.domain.manifest import Manifest
from tests.builders import Artifact, descriptor
from tests.conftest import Place
from tests.peers import oci_layout, raw

HEAD = "floe-head.staging"
ENTRY = "floe-ledger.staging"
OPERATOR = "dev.floe.promotion.operator"
Edit = Callable[[dict[str, Any]], object]


def as_mallory(fields: dict[str, Any]) -> None:
    fields["operator"] = "mallory"


@dataclass(frozen=True)
class Hand:
    """A person who can write to the registry of `place`, and has a `folder`."""

    place: Place
    folder: Path = Path()

    @property
    def root(self) -> Path | None:
        """Return the directory of a layout."""
        registry = self.place.registry
        return Path(registry.reference) if isinstance(registry, LayoutRegistry) else None

    def manifest(self, tag: str) -> Manifest:
        found = self.place.registry.fetch(Tag(tag))
        assert found is not None, tag
        return found

    def point(self, tag: str, at: str) -> None:
        """Copy the tag `at` to `tag` with skopeo."""
        kind = "oci" if self.root else "docker"
        prefix = f"{kind}:{'' if self.root else '//'}{self.place.registry.reference}"
        plain = [] if self.root else ["--src-tls-verify=false", "--dest-tls-verify=false"]
        command = ["skopeo", "--insecure-policy", "copy", "--preserve-digests", "--all", *plain]
        command += [f"{prefix}:{at}", f"{prefix}:{tag}"]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr.decode()

    def put(self, manifest: Manifest, *tags: str) -> None:
        """Put a manifest whose blobs exist, by its raw bytes."""
        for tag in tags:
            if self.root:
                oci_layout.write(self.root, Artifact(manifest), tag)
            else:
                host, _, repository = self.place.registry.reference.partition("/")
                raw.put_manifest(host, repository, manifest, tag)

    def edited(self, tag: str, edit: Edit) -> Manifest:
        """Return the manifest of `tag` after `edit`, without writing it."""
        before = self.manifest(tag)
        document = json.loads(before.content)
        edit(document)
        content = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        return Manifest(content, before.media_type)

    def record(self, tag: str) -> bytes:
        """Return the record of the ledger entry of `tag`."""
        return self.place.registry.blob(self._record_digest(tag), 1_000_000)

    def rewritten(self, tag: str, edit: Edit, annotate: Edit = lambda _: None) -> Manifest:
        """
        Return the ledger entry of `tag` with its record changed by `edit` and stored, and its
        annotations changed by `annotate`, so the entry can be made consistent.
        """
        record = json.loads(self.record(tag))
        edit(record)
        content = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
        return self.holding(tag, content, annotate)

    def holding(self, tag: str, content: bytes, annotate: Edit = lambda _: None) -> Manifest:
        """Return the ledger entry of `tag` with `content`, which is stored, as its record."""
        self.place.registry.open_upload().finish(content)

        def renew(document: dict[str, Any]) -> None:
            blob = descriptor(content, document["config"]["mediaType"])
            document["config"] = blob
            document["layers"] = [blob]
            annotate(document["annotations"])

        return self.edited(tag, renew)

    def remove_blob(self, tag: str) -> None:
        """Remove the record of the ledger entry of `tag`."""
        self._remove("blobs", self._record_digest(tag))

    def remove_manifest(self, tag: str) -> None:
        """Remove the manifest of `tag`; a registry server also removes its tags."""
        self._remove("manifests", str(self.manifest(tag).digest))

    def cut_off(self, sequence: int, environment: str = "staging") -> None:
        """Remove the newest entry, and point the head tag to the one before it."""
        entry = f"floe-ledger.{environment}"
        self.point(f"floe-head.{environment}", at=f"{entry}.{sequence - 1}")
        remove = self.remove_tag if self.root else self.remove_manifest
        remove(f"{entry}.{sequence}")

    def remove_tag(self, tag: str) -> None:
        """Remove a tag from a layout; this registry server has no such request."""
        assert self.root is not None
        index = self.root / "index.json"
        document = json.loads(index.read_text())
        for entry in document["manifests"]:
            annotations = entry.get("annotations", {})
            if annotations.get("org.opencontainers.image.ref.name") == tag:
                del annotations["org.opencontainers.image.ref.name"]
        index.write_text(json.dumps(document))

    def overwrite(self, digest: str, content: bytes) -> None:
        """Replace the bytes under a digest in a layout."""
        assert self.root is not None
        self._path(digest).write_bytes(content)

    def _remove(self, what: str, digest: str) -> None:
        if self.root:
            self._path(digest).unlink()
            return
        host, _, repository = self.place.registry.reference.partition("/")
        url = f"http://{host}/v2/{repository}/{what}/{digest}"
        httpx.delete(url, timeout=60).raise_for_status()

    def _path(self, digest: str) -> Path:
        assert self.root is not None
        return self.root / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def _record_digest(self, tag: str) -> str:
        config = self.manifest(tag).view.config
        assert config is not None
        return config.digest
