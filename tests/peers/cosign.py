"""Both major versions of cosign, as judges of attestations that a key signed."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from engine.adapters.signing import PemSigner
from engine.attestation.keys import load_der
from tests.peers.go import peer

VERSIONS = ("cosign", "cosign2")
# It trusts no service: without it, version 2 asks for the public one.
TRUSTED_ROOT = {"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}
_KEY = ("--key", "floe.pub", "--insecure-ignore-tlog=true", "--trusted-root", "root.json")


@dataclass(frozen=True)
class Cosign:
    """One version of cosign, which trusts one key and works in `folder`."""

    program: str
    folder: Path

    def trust(self, key: PemSigner) -> None:
        public = load_der(key.public_key())
        assert public is not None
        (self.folder / "floe.pub").write_text(public.pem)
        (self.folder / "root.json").write_text(json.dumps(TRUSTED_ROOT))

    def accepts(self, reference: str, kind: str, *options: str) -> bool:
        """Whether an attestation of the type `kind` is attached to the artifact `reference`."""
        command = ("verify-attestation", *_KEY, "--allow-http-registry", "--type", kind)
        return self.run(*command, *options, reference).returncode == 0

    def accepts_legacy(self, reference: str, kind: str, key: str = "floe.pub") -> bool:
        """Whether the tag `sha256-….att` of the artifact has an attestation of the type `kind`."""
        command = ("verify-attestation", "--key", key, "--insecure-ignore-tlog=true")
        options = ("--offline", "--allow-http-registry", "--type", kind)
        return self.run(*command, *options, reference).returncode == 0

    def attest_legacy(self, reference: str, kind: str) -> None:
        """Attest as a build does, with the new key `cosign.key`."""
        self.run("generate-key-pair")
        (self.folder / "predicate.json").write_text("{}")
        options = ("--tlog-upload=false", "--allow-http-registry", "--yes", "--type", kind)
        command = ("attest", "--key", "cosign.key", "--new-bundle-format=false", *options)
        done = self.run(*command, "--predicate", "predicate.json", reference)
        assert done.returncode == 0, done.stderr

    def accepts_bundle(self, bundle: str, digest: str, kind: str) -> bool:
        """Whether the file `bundle` is a statement about `digest` (hexadecimal)."""
        command = ("verify-blob-attestation", *_KEY, "--bundle", bundle, "--type", kind)
        done = self.run(*command, "--digest", digest, "--digestAlg", "sha256")
        return done.returncode == 0

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(peer(self.program)), *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "COSIGN_PASSWORD": ""},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "panic" not in done.stderr
        return done
