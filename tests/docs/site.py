"""An installation for the runbooks: registries, a database and a server that commands can stop."""

import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from engine.bootstrap.keys import generate_key
from tests.builders import image
from tests.cli.serving import serving
from tests.docs.commands import Command
from tests.docs.stage import ALICE, BOB, CANDIDATE, KEY, RELEASE, Ran, Receiver, Stage
from tests.peers import raw
from tests.peers.docker_registry import docker_registry
from tests.peers.fake_http import FakeServer, Reply, Request
from tests.peers.fake_issuer import FakeIssuer
from tests.peers.loopback import free_port
from tests.peers.postgres import PostgresProcess
from tests.scenarios.commands import Finished, Floe

REPOSITORY = "acme/platform"
STATE, REGISTRY, BACKUP = "/var/lib/floe", "/var/lib/docker-registry", "/backup"
_REGISTRIES = ("docker-registry", "new-registry")
_OLDER = "v1.2.2"
_WAITS = 14
# A line with one of these needs a shell.
_SHELL = frozenset("|&;<>$*")


class Services(FakeServer):
    """Starts and stops services, as systemd does, for `systemctl` of the pages."""

    def __init__(self, starts: dict[str, Callable[[], AbstractContextManager[object]]]) -> None:
        super().__init__()
        self._starts = starts
        self._running: dict[str, ExitStack] = {}

    def respond(self, request: Request) -> Reply:
        _, verb, name = request.path.split("/")
        if verb != "start":
            self.stop(name)
        if verb != "stop":
            self.start(name)
        return Reply(200)

    def start(self, name: str) -> None:
        stack = ExitStack()
        stack.enter_context(self._starts[name]())
        self._running[name] = stack

    def stop(self, name: str) -> None:
        if stack := self._running.pop(name, None):
            stack.close()

    def stop_all(self) -> None:
        for name in [*self._running]:
            self.stop(name)


@dataclass
class Site(Stage):
    """
    A server's machine. Its folder is `/etc/floe` of the pages; the other directories of the pages
    are beside it. The state is in `database`, if there is one.
    """

    database: PostgresProcess | None = None
    # The change of `build_running`.
    waiting: str = ""
    ports: dict[str, int] = field(default_factory=lambda: {n: free_port() for n in _REGISTRIES})
    services: Services = field(init=False)

    def __post_init__(self) -> None:
        self.remote = f"{self.host('docker-registry')}/{REPOSITORY}"
        starts = {name: partial(self._registry, name) for name in _REGISTRIES}
        self.services = Services({**starts, "floe": self._server})

    def host(self, registry: str) -> str:
        return f"127.0.0.1:{self.ports[registry]}"

    def place(self, name: str) -> Path:
        """Return the directory that stands for `name` of the pages."""
        return self.folder.parent / name.strip("/")

    def wipe(self, *names: str) -> None:
        for name in names:
            shutil.rmtree(self.place(name), ignore_errors=True)

    def _registry(self, name: str) -> AbstractContextManager[object]:
        folder = self.place(f"/var/lib/{name}")
        folder.mkdir(parents=True, exist_ok=True)
        return docker_registry(folder, port=self.ports[name])

    def _server(self) -> AbstractContextManager[object]:
        return serving(self.folder, **self.environ)

    @property
    def environ(self) -> dict[str, str]:
        stops = {"SERVICES": f"http://{self.services.host}"}
        if self.database is None:
            return stops
        admin = self.database.url_of("postgres")
        return stops | {"FLOE_STATE_URL": self.database.url, "ADMIN_URL": admin}

    def fill_in(self, text: str) -> str:
        new = f"{self.host('new-registry')}/{REPOSITORY}"
        text = text.replace("new.example.com/acme/platform", new)
        for name in (STATE, REGISTRY, BACKUP):
            text = text.replace(name, str(self.place(name)))
        return super().fill_in(text)

    def edit(self, text: str) -> None:
        """Put the settings of `text`, a YAML block of a page, into manifest.yaml."""
        file = self.folder / "manifest.yaml"
        edited = _merged(yaml.safe_load(file.read_text()), yaml.safe_load(self.fill_in(text)))
        file.write_text(yaml.safe_dump(edited))

    def run_line(self, command: Command) -> Ran:
        """Run one line; commands of floe in a forked process, which starts sooner."""
        words = shlex.split(self.fill_in(command.line))
        if words[0] != "floe" or _SHELL & {*command.line}:
            return self.run([command], **self.environ)
        ended = self.floe(BOB).run(*words[1:])
        return Ran(int(ended.code != command.code), f"{ended.err}{ended.out}")

    def floe(self, person: str) -> Floe:
        return Floe(self.folder, {"FLOE_ID_TOKEN": self.token(person), **self.environ})

    def ask(self, *words: str, person: str = BOB, code: int = 0) -> Finished:
        ended = self.floe(person).run(*words)
        assert ended.code == code, f"{ended.err}{ended.out}"
        return ended

    def note_head(self) -> None:
        """Use the newest entry of prod as the digest of the pages."""
        host = self.host("docker-registry")
        self.digest = raw.digest(host, REPOSITORY, "floe-head.prod") or ""

    def wait_for_approval(self) -> None:
        self.change = self.request(CANDIDATE)

    def request(self, version: str) -> str:
        """Request a promotion to prod as Alice, and return the change that waits."""
        words = ("promote", version, "--to", "prod", "-o", "json")
        waiting: str = self.ask(*words, person=ALICE, code=_WAITS).document["change_id"]
        return waiting

    def approve(self) -> None:
        """Promote the version that waits for approval, after any backup."""
        self.ask("approve", self.change)
        self.note_head()


def build_running(site: Site) -> None:
    """v1.2.2 runs in prod, v1.2.3-rc.1 waits for approval there, and staging is locked."""
    for folder in (site.folder / "keys", site.place(BACKUP), site.folder.with_name("home")):
        folder.mkdir(parents=True)
    generate_key("ecdsa", site.folder / "keys" / "ledger.key")
    generate_key("ed25519", site.folder / "checkpoint.key")
    site.configure(uri=f"oci://{site.remote}")
    site.edit(f"state: {{dir: {STATE}}}")
    manifest = site.folder / "manifest.yaml"
    document = yaml.safe_load(manifest.read_text())
    del document["artifacts"]["registry"]["verification"]
    manifest.write_text(yaml.safe_dump(document))
    site.services.start("docker-registry")
    for version in (_OLDER, CANDIDATE, RELEASE):
        artifact = image(version.encode())
        raw.push(site.host("docker-registry"), REPOSITORY, artifact, f"{version}-dev")
    site.ask("promote", _OLDER, "--to", "staging", person=ALICE)
    site.ask("approve", site.request(_OLDER))
    site.ask("promote", CANDIDATE, "--to", "staging", person=ALICE)
    site.ask("lock", "staging", "INC-7")
    site.wait_for_approval()
    site.waiting = site.change


def use_database(site: Site, database: PostgresProcess) -> None:
    """Keep the state in an empty `database`, with the same change waiting."""
    site.database = database
    site.wipe(STATE)
    site.edit("state: {url: 'env:FLOE_STATE_URL'}")
    database.execute("DROP DATABASE IF EXISTS floe WITH (FORCE)", "postgres")
    database.execute("CREATE DATABASE floe", "postgres")
    site.wait_for_approval()


@contextmanager
def site_in(folder: Path) -> Iterator[Site]:
    with FakeIssuer(KEY) as issuer, Receiver() as hook:
        site = Site(folder / "root" / "etc", "", issuer, hook, hook)
        with site.services:
            try:
                yield site
            finally:
                site.services.stop_all()


def begin(site: Site) -> None:
    """Return to the installation of `build_running`, which is built once."""
    site.services.stop_all()
    site.database, site.change = None, site.waiting
    root = site.folder.parent
    saved = root.with_name("saved")
    if saved.exists():
        shutil.rmtree(root)
    else:
        build_running(site)
        site.services.stop_all()
        root.rename(saved)
    shutil.copytree(saved, root)
    site.services.start("docker-registry")
    site.note_head()


def _merged(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return below | {name: _merged(below.get(name), value) for name, value in above.items()}
