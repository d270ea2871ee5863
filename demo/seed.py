"""An embedded registry with three versions of a sample platform, as a build would publish them."""

import hashlib
import json
from pathlib import Path
from typing import Any

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_COMPILED = "application/vnd.floe.compiled-artifacts.v1+json"
VERSIONS: dict[str, dict[str, Any]] = {
    "v1.2.2": {
        "product": {"id": "sales-mart", "name": "Sales mart"},
        "limits": {"memory": 512, "threads": 4},
        "schedule": "hourly",
        "enforcement_result": {"passed": True},
    },
    "v1.2.3": {
        "product": {"id": "sales-mart", "name": "Sales mart"},
        "limits": {"memory": "1Gi", "threads": 8},
        "enforcement_result": {"passed": True},
    },
    "v1.2.4": {
        "product": {"id": "sales-mart", "name": "Sales mart"},
        "limits": {"memory": 1024, "threads": 8},
        "schedule": "hourly",
        "enforcement_result": {"passed": True},
    },
}


def seed(root: Path) -> None:
    """Write an OCI image layout at `root` holding v1.2.2-dev, v1.2.3-dev and v1.2.4-dev."""
    layout = Layout(root)
    for version, content in VERSIONS.items():
        layout.publish(version, content)


class Layout:
    """An image layout, as a build writes it: https://github.com/opencontainers/image-spec."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._entries: list[dict[str, Any]] = []
        (root / "blobs/sha256").mkdir(parents=True)
        (root / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def publish(self, version: str, content: dict[str, Any], **annotations: str) -> str:
        """Publish `version` into dev, with more `annotations` of images; return its digest."""
        layer = self.blob(json.dumps(content).encode(), _COMPILED)
        return self.tag(
            f"{version}-dev",
            config=self.blob(b"{}", "application/vnd.oci.empty.v1+json"),
            layers=[layer],
            annotations={
                "org.opencontainers.image.version": version,
                "org.opencontainers.image.source": "https://git.example.com/acme/platform",
            }
            | {f"org.opencontainers.image.{name}": text for name, text in annotations.items()},
        )

    def attach(self, digest: str, media_type: str, content: dict[str, Any]) -> None:
        """Attach `content` to the artifact `digest`, as `oras attach` does."""
        [subject] = [each for each in self._entries if each["digest"] == digest]
        subject = {name: subject[name] for name in ("mediaType", "digest", "size")}
        empty = self.blob(b"{}", "application/vnd.oci.empty.v1+json")
        layer = self.blob(json.dumps(content).encode(), media_type)
        attached = {"artifactType": media_type, "config": empty, "layers": [layer]}
        self._write(attached | {"subject": subject}, artifactType=media_type)

    def tag(self, name: str, **document: Any) -> str:
        """Write a manifest with the tag `name`; return its digest."""
        return self._write(document, annotations={"org.opencontainers.image.ref.name": name})

    def _write(self, document: dict[str, Any], **listed: Any) -> str:
        manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, **document}
        entry = self.blob(json.dumps(manifest, indent=2).encode(), _MANIFEST)
        self._entries.append(entry | listed)
        index = {"schemaVersion": 2, "manifests": self._entries}
        (self._root / "index.json").write_text(json.dumps(index))
        return str(entry["digest"])

    def blob(self, content: bytes, media_type: str, **more: Any) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (self._root / "blobs/sha256" / digest).write_bytes(content)
        named = {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}
        return named | more
