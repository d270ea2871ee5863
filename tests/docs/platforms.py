"""Local replacements for the services in a documented manifest: registries, tools, issuers."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from engine.adapters.signing import generate_key
from engine.attestation.keys import load_der
from engine.domain.public_key import PublicKey
from tests.builders import Artifact, image
from tests.peers import docker_registry as docker
from tests.peers import oci_layout, raw
from tests.peers.fake_http import FakeServer, Reply, Request
from tests.peers.fake_issuer import FakeIssuer
from tests.peers.signing import SigningKey, claims
from tests.peers.timestamp_authority import TimestampAuthority
from tests.scenarios.commands import Finished, Floe
from tests.signatures.sigstore_kit.formats import key_bundle, key_envelope, pem, statement
from tests.signatures.sigstore_kit.instance import MiniSigstore
from tests.signatures.sigstore_kit.repository import bundle_image

PRIMARY, SECONDARY = "oci://harbor.example.com/acme/platform", "eu.example.com/"
VERSION = "v1.0.0"
SOURCE = "https://git.example.com/acme/platform"
JOB = "repo:acme/platform:environment:production"
# The clean reports that the programs of the documented gates print.
_PROGRAMS = {
    "pytest": "",
    "make": "",
    "k6": "",
    "trivy": '{"SchemaVersion": 2, "ArtifactType": "container_image", "Results": []}',
    "grype": '{"matches": [], "descriptor": {"name": "grype"}}',
}
_SIGNERS = {
    "https://token.actions.githubusercontent.com": x509.UniformResourceIdentifier(
        f"https://github.com/acme/platform/.github/workflows/release.yml@refs/tags/{VERSION}"
    ),
    "https://dex.acme.com": x509.RFC822Name("release@acme.com"),
}
_VARIABLE = re.compile(r"\$\{([A-Z_]+)\}|_env: ([A-Z_]+)")


@dataclass(frozen=True)
class Platform:
    """
    A manifest of a page in `folder`, with `VERSION` published into its first environment.

    `issuers` replace the issuers of `identity.oidc`, in the same order.
    """

    folder: Path
    issuers: tuple[FakeIssuer, ...]
    key: SigningKey
    environ: Mapping[str, str]

    @property
    def environments(self) -> list[str]:
        promotion = yaml.safe_load((self.folder / "manifest.yaml").read_text())["artifacts"]
        named = promotion.get("promotion", {}).get("environments", [])
        return [each["name"] for each in named] or ["dev", "staging", "prod"]

    def floe(self, **said: Any) -> Floe:
        """
        Return the commands of a person whose token, from the last issuer, has the claims `said`.
        """
        if not self.issuers:
            return Floe(self.folder, dict(self.environ))
        token = self.key.sign(claims(self.issuers[-1].issuer, **said))
        return Floe(self.folder, {**self.environ, "FLOE_ID_TOKEN": token})

    def promote(self, target: str, **said: Any) -> Finished:
        return self.floe(**said).promote(VERSION, target)

    def approve(self, change: str, **said: Any) -> Finished:
        return self.floe(**said).run("platform", "approve", change, "--output", "json")


class _Hook(FakeServer):
    def respond(self, request: Request) -> Reply:
        return Reply(204)


@contextmanager
def platform_of(text: str, folder: Path, registry: str) -> Iterator[Platform]:
    """
    Build the platform of the manifest `text` in `folder`.

    `registry` is `host/repository` of a real registry; manifests with signatures get an image
    layout, which stores bundles too.
    """
    key, artifact = (
        SigningKey.new(),
        image(b"platform", annotations={"org.opencontainers.image.source": SOURCE}),
    )
    with ExitStack() as stack:
        document = yaml.safe_load(_on_this_machine(text, folder, registry, stack))
        whole = {"apiVersion": "floe.dev/v1", "kind": "Manifest"} | document
        whole.setdefault("artifacts", {"registry": {"uri": "oci-layout:./registry"}})
        # A directory replaces the bucket, without the bucket's options.
        whole["artifacts"].get("promotion", {}).get("audit", {}).pop("options", None)
        verification = whole["artifacts"]["registry"].get("verification")
        if verification or whole["artifacts"]["registry"]["uri"].startswith("oci-layout:"):
            whole["artifacts"]["registry"]["uri"] = "oci-layout:./registry"
            oci_layout.write(folder / "registry", artifact, f"{VERSION}-dev")
        else:
            raw.push(*registry.split("/", 1), artifact, f"{VERSION}-dev")
        if verification:
            _sign(artifact, verification, folder)
        if timestamp := whole.get("ledger", {}).get("timestamp"):
            authority = stack.enter_context(TimestampAuthority(folder / "tsa"))
            timestamp |= {"url": authority.url, "certificates": "tsa/root.pem"}
        issuers = _issuers(whole, key, stack)
        written = yaml.safe_dump(whole)
        for stand_in, original in issuers:
            written = written.replace(f"{original}#", f"{stand_in.issuer}#")
        (folder / "manifest.yaml").write_text(written)
        environ = _environ(text, folder, stack) | _ledger_keys(whole.get("ledger", {}), folder)
        yield Platform(folder, tuple(each for each, _ in issuers), key, environ)


def _on_this_machine(text: str, folder: Path, registry: str, stack: ExitStack) -> str:
    if SECONDARY in text:
        (folder / "eu").mkdir()
        host = stack.enter_context(docker.docker_registry(folder / "eu", htpasswd=True)).host
        text = text.replace(SECONDARY, f"{host}/").replace("username: floe", "username: alice")
        # This registry has no certificate.
        text = text.replace("tls: {ca_file: certs/eu.pem}", "tls: {insecure: true}")
    (folder / "audit").mkdir()
    places = {
        PRIMARY: f"oci://{registry}",
        "/var/lib/floe": f"{folder}/state",
        "/media/usb": f"{folder}/usb",
    }
    for written, here in places.items():
        text = text.replace(written, here)
    text = text.replace("s3://acme-audit/floe", f"file://{folder}/audit")
    (folder / "state").mkdir()
    (folder / "usb").mkdir()
    return text


def _issuers(
    whole: dict[str, Any], key: SigningKey, stack: ExitStack
) -> list[tuple[FakeIssuer, str]]:
    """Start an issuer for each entry of identity.oidc.

    For Slack manifests, one issuer stands for Slack's user data.
    """
    rules = str(whole["artifacts"].get("promotion", {}))
    identity = whole.setdefault("identity", {})
    if "oidc" not in identity and "allowed_groups" in rules:
        identity["oidc"] = [{"issuer": "https://slack.example", "subjects": ["**"]}]
    found = []
    for entry in identity.get("oidc", []):
        issuer = stack.enter_context(FakeIssuer(key))
        found.append((issuer, entry["issuer"]))
        entry["issuer"] = issuer.issuer
    return found


def _ledger_keys(ledger: dict[str, Any], folder: Path) -> dict[str, str]:
    """Make the key that signs the ledger, and the public keys that it trusts."""
    signer = generate_key("ecdsa")
    public = load_der(signer.public_key())
    assert public is not None
    for name in ledger.get("trusted_keys", []):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(public.pem)
    for name in ledger.get("distrusted_keys", []):
        stolen = PublicKey.of_der(generate_key("ecdsa").public_key())
        (folder / name).write_text(stolen.public_key)
    return {"FLOE_LEDGER_KEY": signer.private_pem().decode()} if "signing" in ledger else {}


def _sign(artifact: Artifact, verification: dict[str, Any], folder: Path) -> None:
    """Sign with every key and issuer that `verification` trusts."""
    payload = statement(str(artifact.manifest.digest))
    (folder / "keys").mkdir()
    for name in verification.get("public_keys", []):
        key = ec.generate_private_key(ec.SECP256R1())
        (folder / name).write_bytes(pem(key))
        bundle = key_bundle(key, key_envelope(key, payload))
        oci_layout.write(folder / "registry", bundle_image(bundle, artifact.manifest))
    if "trusted_issuers" in verification:
        sigstore = MiniSigstore()
        root = verification.setdefault("trusted_root", "keys/trusted_root.json")
        (folder / root).write_bytes(sigstore.trusted_root())
        for trusted in verification["trusted_issuers"]:
            holder = sigstore.issue(_SIGNERS[trusted["issuer"]], issuer=trusted["issuer"])
            bundle = sigstore.sign_statement(holder, payload)
            oci_layout.write(folder / "registry", bundle_image(bundle, artifact.manifest))


def _environ(text: str, folder: Path, stack: ExitStack) -> dict[str, str]:
    """Return a PATH with the programs of gates, and the variables that the manifest names."""
    programs = folder / "programs"
    programs.mkdir()
    for name, printed in _PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/sh\ncat <<'END'\n{printed}\nEND\n")
        (programs / name).chmod(0o755)
    hook = stack.enter_context(_Hook())
    known = {
        "DEPLOY_HOOK_URL": f"http://{hook.host}/deployed",
        "DEPLOY_HOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "EU_PASSWORD": docker.PASSWORD,
    }
    named = [a or b for a, b in _VARIABLE.findall(text)]
    environ = {name: known.get(name, "anything") for name in named}
    return {**environ, "SMOKE_TOKEN": "anything", "PATH": f"{programs}:/usr/bin:/bin"}


def document_of(finished: Finished) -> Any:
    assert finished.out, finished.err
    return json.loads(finished.out)
