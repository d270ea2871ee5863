"""AWS KMS with one key in memory: signs digests as AWS does, which moto does not."""

import base64
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.peers.fake_http import FakeServer, Reply, Request


class FakeKms(FakeServer):
    """`key` signs; the public key that is published is that of `published`."""

    def __init__(self, curve: ec.EllipticCurve | None = None) -> None:
        super().__init__()
        self.key = self.published = ec.generate_private_key(curve or ec.SECP256R1())

    def respond(self, request: Request) -> Reply:
        operation = request.headers["x-amz-target"].rpartition(".")[2]
        asked = json.loads(request.body)
        if asked["KeyId"] != "alias/floe":
            return _reply({"__type": "NotFoundException", "message": "no such key"}, 400)
        if operation == "GetPublicKey":
            return _reply(self._public_key())
        signature = self.key.sign(
            base64.b64decode(asked["Message"]), ec.ECDSA(Prehashed(hashes.SHA256()))
        )
        return _reply({"Signature": base64.b64encode(signature).decode()})

    def _public_key(self) -> dict[str, object]:
        public = self.published.public_key()
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        algorithm = "ECDSA_SHA_256" if public.key_size == 256 else "ECDSA_SHA_384"
        return {
            "KeyId": "alias/floe",
            "PublicKey": base64.b64encode(der).decode(),
            "SigningAlgorithms": [algorithm],
        }


def _reply(document: dict[str, object], status: int = 200) -> Reply:
    headers = {"content-type": "application/x-amz-json-1.1"}
    return Reply(status, json.dumps(document).encode(), headers)
