"""A release key, and signatures as `cosign sign --key` leaves them beside an artifact."""

import base64
import json
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from demo.seed import Layout

_SIGNATURE = "application/vnd.dev.cosign.simplesigning.v1+json"


class ReleaseKey:
    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    def publish(self, file: Path) -> None:
        """Write the public key, which manifest.yaml names."""
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        file.write_bytes(self._key.public_key().public_bytes(serialization.Encoding.PEM, spki))

    def sign(self, layout: Layout, digest: str) -> None:
        """Leave a signature of `digest` in `layout`, under cosign's tag for it."""
        payload = json.dumps(
            {
                "critical": {
                    "identity": {"docker-reference": "acme/platform"},
                    "image": {"docker-manifest-digest": digest},
                    "type": "cosign container image signature",
                },
                "optional": None,
            }
        ).encode()
        signature = self._key.sign(payload, ec.ECDSA(hashes.SHA256()))
        annotations = {"dev.cosignproject.cosign/signature": base64.b64encode(signature).decode()}
        layout.tag(
            f"{digest.replace(':', '-')}.sig",
            config=layout.blob(b"{}", "application/vnd.oci.image.config.v1+json"),
            layers=[layout.blob(payload, _SIGNATURE, annotations=annotations)],
        )
