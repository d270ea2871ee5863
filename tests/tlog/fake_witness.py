"""A witness (C2SP tlog-witness) over HTTP, for answers that a real one gives rarely."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from engine.adapters.tlog.ed25519 import verify_ed25519
from engine.domain.tlog.checkpoint import Checkpoint
from engine.domain.tlog.merkle import Hash, root_of, verify_consistency
from engine.domain.tlog.note import (
    COSIGNATURE,
    NoteKey,
    NoteSignature,
    SignedNote,
    decode_base64,
)
from tests.peers.fake_http import FakeServer, Reply, Request


class FakeWitness(FakeServer):
    """Knows the logs of `keys`; `olds` has the old size of each request that it judged."""

    def __init__(self, *keys: NoteKey, name: str = "witness.example/w1") -> None:
        super().__init__()
        self.private = Ed25519PrivateKey.generate()
        raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key = NoteKey(name, raw, COSIGNATURE)
        self.logs = {key.name: key for key in keys}
        self.seen: dict[str, tuple[int, Hash]] = {}
        self.seconds = 1_700_000_000
        self.olds: list[int] = []

    def respond(self, request: Request) -> Reply:
        head, _, note = request.body.decode().partition("\n\n")
        old, *proof = head.split("\n")
        size = int(old.removeprefix("old "))
        self.olds.append(size)
        signed = SignedNote.parse(note.encode())
        checkpoint = Checkpoint.parse(signed.text)
        if checkpoint.origin not in self.logs:
            return Reply(404)
        if not signed.signed_by([self.logs[checkpoint.origin]], verify_ed25519):
            return Reply(403)
        seen, root = self.seen.get(checkpoint.origin, (0, root_of(())))
        if size != seen:
            return Reply(409, f"{seen}\n".encode(), {"Content-Type": "text/x.tlog.size"})
        hashes = tuple(map(decode_base64, proof))
        if not verify_consistency(seen, checkpoint.size, root, checkpoint.root, hashes):
            return Reply(422)
        self.seen[checkpoint.origin] = (checkpoint.size, checkpoint.root)
        return Reply(200, str(self.cosign(signed.text)).encode())

    def cosign(self, text: str) -> NoteSignature:
        message = f"cosignature/v1\ntime {self.seconds}\n{text}".encode()
        content = self.seconds.to_bytes(8) + self.private.sign(message)
        return NoteSignature(self.key.name, self.key.id, content)
