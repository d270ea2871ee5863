"""`floe serve` as a separate process, and commands that are its clients."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.scenarios.commands import INHERITED, Floe
from tests.scenarios.warm_start import popen

ROOT = Path(__file__).parents[2]
_SERVING = re.compile(r"Serving (http://\S+?)/ ")

MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "%(uri)s", timeout_seconds: 20}
  promotion:
    environments:
      - name: dev
      - name: staging
        gates: {tests: {command: [sh, -c, "%(tests)s"]}}
      - name: prod
        authorization: {allowed_groups: [developers, platform-admins]}
        approvals: {required: 1, groups: [release-managers]}
identity:
  groups: {release-managers: [alice@acme.com]}
  operators: [developers, release-managers]
  oidc: [{issuer: "%(issuer)s", audience: floe, groups_claim: groups}]
%(more)s
"""


@dataclass(frozen=True)
class Serving:
    """A server that answers at `url`."""

    url: str
    process: "subprocess.Popen[bytes]"

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def client(self, folder: Path, token: str | None = None, **environ: str) -> Floe:
        """Return a client in `folder`, which needs no manifest.yaml."""
        folder.mkdir(exist_ok=True)
        signed_in = {"FLOE_ID_TOKEN": token} if token else {}
        return Floe(folder, {"FLOE_SERVER": self.url, **signed_in, **environ})


def write_manifest(
    folder: Path, uri: str, issuer: str, tests: str = "true", more: str = ""
) -> None:
    folder.mkdir(exist_ok=True)
    rules = {"uri": uri, "issuer": issuer, "tests": tests, "more": more}
    (folder / "manifest.yaml").write_text(MANIFEST % rules)


@contextmanager
def serving(folder: Path, port: int = 0, **environ: str) -> Iterator[Serving]:
    """Serve the platform in `folder` until the block ends."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    log = folder / "serve.log"
    with (
        log.open("wb") as written,
        popen(
            ["serve", "--port", str(port)],
            folder,
            inherited | environ,
            stdout=written,
            stderr=written,
        ) as process,
    ):
        try:
            yield Serving(_address(log, process), process)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()


def _address(log: Path, process: "subprocess.Popen[bytes]", seconds: float = 60) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        found = _SERVING.search(log.read_text())
        if found:
            return found[1]
        time.sleep(0.05)
    raise RuntimeError(f"floe serve does not begin: {log.read_text()}")
