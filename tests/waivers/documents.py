"""OpenVEX documents about an artifact."""

from typing import Any

from engine.domain.artifact import Digest
from tests.builders import image
from tests.waivers.kit import CVE

ARTIFACT = image(b"one")
DIGEST = ARTIFACT.manifest.digest
JUSTIFIED = {"status": "not_affected", "justification": "component_not_present"}
Json = dict[str, Any]


def product_of(digest: Digest) -> str:
    return f"pkg:oci/app@sha256%3A{digest.hex}?repository_url=r.example%2Facme%2Fapp"


PRODUCT = product_of(DIGEST)


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
