"""A platform that sends a secret to every outside service, and all output it leaves."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.audit.audit_kit import moto_server
from tests.builders import Artifact, image
from tests.peers.docker_registry import PASSWORD, USER, DockerRegistry, docker_registry
from tests.peers.fake_http import Reply
from tests.peers.fake_issuer import FakeIssuer
from tests.peers.fake_registry import Behaviour, FakeRegistry
from tests.peers.fake_tokens import TokenAuth
from tests.peers.signing import SigningKey, claims
from tests.scenarios.commands import Finished, Floe
from tests.webhooks.webhook_kit import Sink

REPOSITORY = "acme/platform"
V1 = image(b"one")
CANARIES = {
    "the registry's password": "canary-registry-password",
    "a bearer token of the registry": "canary-bearer",
    "the secondary's password": PASSWORD,
    "a webhook address": "canary-hook-address",
    "a webhook header": "canary-hook-header",
    "a decoded webhook secret": "canary-hook-secret-canary",
    "a webhook secret": "Y2FuYXJ5LWhvb2stc2VjcmV0LWNhbmFyeQ==",
    "a collector header": "canary-collector-header",
    "the object store's key": "canary-object-store-key",
    "a gate's token": "canary-gate-token",
}
_MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry:
    uri: oci://{registry}/{repository}
    auth: {{type: basic, username: ci, password_env: REGISTRY_PASSWORD}}
    timeout_seconds: 60
    verification: {{enforcement: warn, public_keys: [release.pub]}}
  promotion:
    environments:
      - name: dev
      - name: staging
        gates: {{tests: {{command: [sh, -c, "env; test $VERSION = v0.0.0"], env: [GATE_TOKEN]}}}}
      - name: prod
        authorization: {{allowed_groups: [other-team]}}
    audit: {{backend: s3, url: "s3://audit", options: {{endpoint: "{store}", region: us-east-1}}}}
    secondary_registries:
      - uri: oci://{secondary}/acme/mirror
        auth: {{type: basic, username: {user}, password_env: MIRROR_PASSWORD}}
    webhooks:
      - url: ${{HOOK_URL}}/hook
        events: [promote, rollback, lock, unlock]
        headers: {{Authorization: "Bearer ${{HOOK_TOKEN}}"}}
        secret: ${{HOOK_SECRET}}
      - {{url: "${{HOOK_URL}}/broken", retry_count: 0}}
      - {{url: "${{HOOK_URL}}/refused", headers: {{X-Api-Key: "${{HOOK_TOKEN}}"}}}}
identity:
  oidc: [{{issuer: "{issuer}", audience: floe}}]
"""


@dataclass(frozen=True)
class Outside:
    """All services that the platform in `folder` talks to, and the output of its commands."""

    folder: Path
    registry: FakeRegistry
    secondary: DockerRegistry
    store: str
    others: Sink
    issuer: FakeIssuer
    key: SigningKey
    said: list[tuple[str, bytes]] = field(default_factory=list)

    def token(self, **changed: object) -> str:
        """Return an ID token signed by its issuer."""
        return self.key.sign(claims(self.issuer.issuer, **changed))

    def run(self, token: str, *arguments: str, **environ: str) -> Finished:
        ended = Floe(self.folder, self._environ(token) | environ).run(*arguments)
        name = " ".join(arguments)
        self.said.append((f"stdout of {name}", ended.out.encode()))
        self.said.append((f"stderr of {name}", ended.err.encode()))
        return ended

    def places(self) -> Iterator[tuple[str, bytes]]:
        """
        Return everything printed, stored, sent and delivered; headers may carry their own secrets.
        """
        yield from self.said
        for path in sorted(p for p in self.folder.rglob("*") if p.is_file()):
            yield f"file {path.relative_to(self.folder)}", path.read_bytes()
        for name, held in self.registry.repositories.items():
            yield from ((f"blob in {name}", blob) for blob in held.blobs.values())
            yield from ((f"manifest in {name}", text) for text, _ in held.manifests.values())
            yield f"tags of {name}", repr(held.tags).encode()
        for path in sorted(p for p in self.folder.parent.glob("mirror/storage/**/*")):
            yield f"secondary's {path}", path.read_bytes() if path.is_file() else b""
        for request in self.others.requests:
            yield f"body of {request.method}", request.body
        yield from objects(self.store)

    def _environ(self, token: str) -> dict[str, str]:
        hook = f"http://{self.others.host}/{CANARIES['a webhook address']}"
        return {
            "REGISTRY_PASSWORD": CANARIES["the registry's password"],
            "MIRROR_PASSWORD": CANARIES["the secondary's password"],
            "HOOK_URL": hook,
            "HOOK_TOKEN": CANARIES["a webhook header"],
            "HOOK_SECRET": f"whsec_{CANARIES['a webhook secret']}",
            "GATE_TOKEN": CANARIES["a gate's token"],
            "AWS_ACCESS_KEY_ID": "floe",
            "AWS_SECRET_ACCESS_KEY": CANARIES["the object store's key"],
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{self.others.host}",
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization={CANARIES['a collector header']}",
            "FLOE_ID_TOKEN": token,
            "FLOE_LOG": "json",
        }


def objects(store: str) -> Iterator[tuple[str, bytes]]:
    """List every object of the bucket; moto requires a signature and does not verify it."""
    sent = {"Authorization": "AWS4-HMAC-SHA256 Credential=floe/20260101/us-east-1/s3/aws4_request"}
    listing = httpx.get(f"{store}/audit").raise_for_status().text
    yield "names of objects", listing.encode()
    for part in listing.split("<Key>")[1:]:
        name = part.partition("</Key>")[0]
        found = httpx.get(f"{store}/audit/{name}", headers=sent).raise_for_status()
        yield f"object {name}", found.content


@contextmanager
def outside(folder: Path, *versions: tuple[str, Artifact]) -> Iterator[Outside]:
    """A platform on which `versions` are built."""
    home, mirror = folder / "home", folder / "mirror"
    home.mkdir()
    mirror.mkdir()
    key = SigningKey.new("RS256")
    auth = TokenAuth(
        user="ci",
        password=CANARIES["the registry's password"],
        named=CANARIES["a bearer token of the registry"],
    )
    with ExitStack() as stack:
        registry = stack.enter_context(FakeRegistry(Behaviour(auth=auth)))
        secondary = stack.enter_context(docker_registry(mirror, htpasswd=True))
        store = stack.enter_context(moto_server(folder))
        others = stack.enter_context(Sink())
        issuer = stack.enter_context(FakeIssuer(key))
        httpx.put(f"{store}/audit").raise_for_status()
        others.always("POST", "/broken$", Reply(500))
        others.always("POST", "/refused$", Reply(403))
        for version, artifact in versions:
            registry.hold(REPOSITORY, artifact, f"{version}-dev")
        (home / "release.pub").write_bytes(SigningKey.new("ES256").pem())
        text = _MANIFEST.format(
            registry=registry.host,
            repository=REPOSITORY,
            store=store,
            secondary=secondary.host,
            user=USER,
            issuer=issuer.issuer,
        )
        (home / "manifest.yaml").write_text(text)
        yield Outside(home, registry, secondary, store, others, issuer, key)
