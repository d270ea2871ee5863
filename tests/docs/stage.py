"""A platform with a history on which the documented commands run, and a shell to run them."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from demo.seed import VERSIONS, Layout
from demo.signing import ReleaseKey
from engine.bootstrap import open_engine, open_platform
from engine.bootstrap.keys import generate_key
from engine.config import load_config
from engine.domain.change import ChangeState
from engine.domain.identity import Claims
from engine.domain.operator import IdentitySource
from engine.domain.parsing import parse_promotion_request
from engine.domain.trace import trace_id
from engine.ports import NO_PROGRESS
from tests.builders import image
from tests.docs.commands import Command
from tests.peers import raw
from tests.peers.fake_http import FakeServer, Reply, Request
from tests.peers.fake_issuer import FakeIssuer
from tests.peers.go import BIN, peer
from tests.peers.signing import SigningKey, claims
from tests.scenarios.commands import INHERITED

ROOT = Path(__file__).parents[2]
KEY = SigningKey.new()
ALICE, BOB = "alice@acme.com", "bob@acme.com"
CANDIDATE, RELEASE = "v1.2.3-rc.1", "v1.2.3"
APPROVALS = ", approvals: {required: 1, groups: [release-managers]}"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry:
    uri: %(uri)s
    verification: {public_keys: [keys/release.pub]}
  promotion:
    environments:
      - name: dev
      - {name: staging, gates: {tests: true}, authorization: {}}
      - {name: prod, gates: {tests: true}, authorization: {}%(approvals)s}
    gate_commands: {tests: [echo, tested]}
    webhooks: [{url: "%(hook)s", events: [promote, rollback], secret: "%(secret)s"}]
    secondary_registries: [%(secondary)s]
identity:
  groups: {release-managers: [bob@acme.com]}
  oidc:
    - {issuer: "%(issuer)s", audience: floe, operator_claim: email, allowed_domains: [acme.com]}
ledger: {signing: {key: "file:keys/ledger.key"}, checkpoint: {key: "file:checkpoint.key"}}
"""
# The registry settings of skopeo: repositories of the pages, and their places in the registry.
_REGISTRY = '[[registry]]\nprefix = "{}"\nlocation = "{}{}"\ninsecure = true\n'
_PLACES = {
    "harbor.example.com/acme/platform": "/remote",
    "docker.io/library": "",
}
# `floe serve` ends once it serves; commands inside the container run directly.
_PRELUDE = """\
set -e
floe() {
  if [ "$1" != serve ]; then command floe "$@"; return; fi
  command floe "$@" --port 0 > served.log 2>&1 &
  for _ in $(seq 600); do grep -q 'Serving http' served.log && break; sleep 0.1; done
  kill $!; code=0; wait $! || code=$?; cat served.log; grep -q 'Serving http' served.log
  return $code
}
docker() { shift 3; FLOE_MANIFEST=$COMPOSED command "$@"; }
systemctl() { curl -fsS "$SERVICES/$1/$2"; }
"""


@dataclass(frozen=True)
class Ran:
    """The result of a block of commands; `out` has both streams."""

    code: int
    out: str


class Receiver(FakeServer):
    """Receives webhooks or traces, and answers `status`."""

    status = 200

    def respond(self, request: Request) -> Reply:
        return Reply(self.status)


@dataclass
class Stage:
    """
    The platform in `folder`. `at` selects one of its states, each of which is built once.

    `registry` is a real registry, and `remote` the repository of the current state in it.
    """

    folder: Path
    registry: str
    issuer: FakeIssuer
    hook: Receiver
    collector: Receiver
    change: str = ""
    digest: str = ""
    record: str = ""
    server: str = "https://floe.example.com"
    remote: str = ""

    def at(self, state: Callable[["Stage"], None]) -> "Stage":
        name = state.__name__.removeprefix("build_")
        saved = self.folder.with_name(name)
        if not saved.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            state(self)
            shutil.copytree(self.folder, saved)
        self.remote = f"{self.registry}/{name}"
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(saved, self.folder)
        return self

    def token(self, person: str = BOB) -> str:
        return KEY.sign(claims(self.issuer.issuer, sub=person, email=person, email_verified=True))

    def promote(self, version: str, *targets: str, approved: bool = True) -> None:
        """Request as Alice and, unless it should wait, approve in prod as Bob."""
        config = load_config(self.folder / "manifest.yaml", {})
        with open_engine(config) as engine, open_platform(config, engine) as platform:
            alice, bob = (
                engine.directory.operator(self._oidc_claims(each)) for each in (ALICE, BOB)
            )
            for target in targets:
                asked = parse_promotion_request(
                    engine.path, version, None, target, alice, trace_id()
                )
                change = platform.changes.submit(asked, "cli")
                change = platform.foreground.settle(change, NO_PROGRESS)
                if change.state is ChangeState.AWAITING_APPROVAL and approved:
                    change = platform.changes.approve(change.id, bob, "cli")
                    change = platform.foreground.settle(change, NO_PROGRESS)
                if not approved:
                    self.change = change.id
                assert approved == (change.state is ChangeState.PROMOTED), change.ended

    def _oidc_claims(self, person: str) -> Claims:
        name = f"oidc:{self.issuer.issuer}#{person}"
        return Claims(name, IdentitySource.OIDC, True, (person,))

    def configure(
        self, uri: str = "oci-layout:./registry", approvals: str = APPROVALS, secondary: str = ""
    ) -> None:
        (self.folder / "manifest.yaml").write_text(
            _MANIFEST
            % {
                "uri": uri,
                "approvals": approvals,
                "hook": f"http://{self.hook.host}/deployed",
                "secret": SECRET,
                "secondary": f'{{uri: "{secondary}"}}' if secondary else "",
                "issuer": self.issuer.issuer,
            }
        )

    def fill_in(self, text: str) -> str:
        """Replace the examples of the pages in `text` by things that exist here."""
        for example, here in {
            "eyJhbGciOi…": self.token(),
            "https://floe.example.com": self.server,
            "https://collector.acme.com:4318": f"http://{self.collector.host}",
            "/opt/floe/bin/": "",
            "registry.example.com/acme/shop": f"{self.registry}/shop",
            "/etc/floe/": f"{self.folder}/",
        }.items():
            text = text.replace(example, here)
        text = re.sub(r"\bc-[0-9a-f]{8}\b", self.change, text)
        digest = self.record if "oras blob fetch" in text else self.digest
        text = re.sub(r"\bsha256:[0-9a-f]{64}\b", digest, text)
        # skopeo requires TLS on every address but this one, which its settings redirect.
        text = re.sub(r"(?<!docker://)harbor\.example\.com/acme/platform", self.remote, text)
        return text.replace("localhost:5000/acme/platform", self.remote)

    def run(self, commands: Iterable[Command], **environ: str) -> Ran:
        """Run the lines in one shell that stops at the first unexpected exit code."""
        commands = list(commands)
        for program in {each.line.split()[0] for each in commands} & {"cosign", "oras"}:
            peer(program)
        lines = [_shell_line(each) for each in commands]
        given = {name: os.environ[name] for name in INHERITED if name in os.environ} | {
            "PATH": f"{Path(sys.executable).parent}:{BIN}:{os.environ['PATH']}",
            "HOME": str(self.folder.with_name("home")),
            "COMPOSED": str(self.folder.with_name("composed.yaml")),
            "COSIGN_PASSWORD": "",
        }
        if "oidc:" in "".join(f.read_text() for f in self.folder.glob("manifest.yaml")):
            given["FLOE_ID_TOKEN"] = self.token()
        ran = subprocess.run(
            ["bash", "-c", self.fill_in("\n".join([_PRELUDE, *lines]))],
            cwd=self.folder,
            env=given | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=200,
        )
        return Ran(ran.returncode, ran.stdout)


def build_first(stage: Stage) -> None:
    """Use the manifest of the repository, with nothing published."""
    stage.folder.mkdir()
    shutil.copy(ROOT / "manifest.yaml", stage.folder)


def build_waiting(stage: Stage) -> None:
    """v1.2.2 runs in prod, v1.2.3-rc.1 waits for approval, v1.2.3 is built, a webhook failed."""
    (stage.folder / "keys").mkdir(parents=True)
    layout, key = Layout(stage.folder / "registry"), ReleaseKey()
    key.publish(stage.folder / "keys" / "release.pub")
    generate_key("ecdsa", stage.folder / "keys" / "ledger.key")
    for version in ("v1.2.2", CANDIDATE, RELEASE):
        stage.digest = layout.publish(version, VERSIONS["v1.2.2"] | {"version": version})
        key.sign(layout, stage.digest)
    layout.publish("v1.2.4", VERSIONS["v1.2.4"])
    stage.configure()
    stage.hook.status = 400
    stage.promote("v1.2.2", "staging", "prod")
    stage.hook.status = 200
    stage.promote(CANDIDATE, "staging")
    stage.promote(CANDIDATE, "prod", approved=False)


def build_unapproved(stage: Stage) -> None:
    """Build `build_waiting`, without approvals in prod."""
    stage.at(build_waiting).configure(approvals="")


def build_released(stage: Stage) -> None:
    """v1.2.3 replaces v1.2.2 in prod."""
    stage.at(build_waiting)
    stage.promote(RELEASE, "staging", "prod")


def build_mirrored(stage: Stage) -> None:
    """Build `build_released`, with an empty secondary registry."""
    stage.at(build_released)
    stage.configure(secondary=f"oci://{stage.registry}/remote")


def build_remote(stage: Stage) -> None:
    """Build the same on a real registry."""
    stage.at(build_mirrored).remote = f"{stage.registry}/remote"
    synchronized = stage.run([Command(ROOT / "docs" / "secondaries.md", "floe platform sync", 0)])
    assert synchronized.code == 0, synchronized.out
    for version in (RELEASE, "v1.2.4"):
        _copy(f"oci:{stage.folder}/registry:{version}-dev", f"{stage.remote}:{version}-dev")
    stage.configure(uri=f"oci://{stage.remote}")
    host, _, repository = stage.remote.partition("/")
    head = httpx.get(
        f"http://{host}/v2/{repository}/manifests/floe-head.prod",
        headers={"Accept": "application/vnd.oci.image.manifest.v1+json"},
    )
    stage.record = head.raise_for_status().json()["layers"][0]["digest"]


@contextmanager
def platform_stage(folder: Path, registry: str) -> Iterator[Stage]:
    host, _, repository = f"{registry}/alpine".partition("/")
    raw.push(host, repository, image(b"alpine"), "3.20")
    composed = (ROOT / "deploy" / "manifest.yaml").read_text()
    composed = composed.replace("registry:5000/acme/platform", f"{registry}/first")
    (folder / "composed.yaml").write_text(composed.replace("/var/lib/floe", f"{folder}/composed"))
    settings = folder / "home" / ".config" / "containers"
    settings.mkdir(parents=True)
    (settings / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    # Targets are never redirected: pages that push have the address of the registry itself.
    places = {**_PLACES, registry: ""}.items()
    redirects = (_REGISTRY.format(name, registry, place) for name, place in places)
    (settings / "registries.conf").write_text("".join(redirects))
    with FakeIssuer(KEY) as issuer, Receiver() as hook, Receiver() as collector:
        yield Stage(folder / "platform", registry, issuer, hook, collector)


def _shell_line(command: Command) -> str:
    if not command.code:
        return command.line
    return f'code=0; {command.line} || code=$?; [ "$code" = {command.code} ]'


def _copy(source: str, target: str) -> None:
    options = ["--insecure-policy", "copy", "--preserve-digests", "--dest-tls-verify=false"]
    subprocess.run(["skopeo", *options, source, f"docker://{target}"], check=True)
