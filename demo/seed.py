"""An embedded registry with three versions of a sample platform, as a build would publish them."""

import hashlib
import json
from pathlib import Path
from typing import Any

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_COMPILED = "application/vnd.floe.compiled-artifacts.v1+json"
_VERSIONS: dict[str, dict[str, Any]] = {
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
    (root / "blobs/sha256").mkdir(parents=True)
    (root / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    entries = [_publish(root, version, content) for version, content in _VERSIONS.items()]
    (root / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))


def _publish(root: Path, version: str, content: dict[str, Any]) -> dict[str, Any]:
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _blob(root, b"{}", "application/vnd.oci.empty.v1+json"),
        "layers": [_blob(root, json.dumps(content).encode(), _COMPILED)],
        "annotations": {
            "org.opencontainers.image.version": version,
            "org.opencontainers.image.source": "https://git.example.com/acme/platform",
        },
    }
    described = _blob(root, json.dumps(manifest, indent=2).encode(), _MANIFEST)
    tag = {"org.opencontainers.image.ref.name": f"{version}-dev"}
    return described | {"annotations": tag}


def _blob(root: Path, content: bytes, media_type: str) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    (root / "blobs/sha256" / digest).write_bytes(content)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}
