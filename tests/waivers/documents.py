"""OpenVEX documents about an artifact."""

from typing import Any

from tests.builders import image
from tests.waivers.kit import CVE

ARTIFACT = image(b"one")
DIGEST = ARTIFACT.manifest.digest
PRODUCT = f"pkg:oci/app@sha256%3A{DIGEST.hex}?repository_url=r.example%2Facme%2Fapp"
JUSTIFIED = {"status": "not_affected", "justification": "component_not_present"}
Json = dict[str, Any]


def statement(**changed: Any) -> Json:
    return {"vulnerability": {"name": CVE}, "products": [{"@id": PRODUCT}], **JUSTIFIED, **changed}


def document(*statements: Json, **changed: Any) -> Json:
    return {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://openvex.dev/docs/example/vex-1",
        "author": "security@acme.com",
        "timestamp": "2026-08-01T10:00:00.123456789Z",
        "version": 1,
        "statements": list(statements),
    } | changed
