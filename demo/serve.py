"""`make serve-demo`: a page with history, a lock, drift and a waiting change, to try out."""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from demo.issuer import Issuer, issuer
from demo.seed import VERSIONS, Layout
from demo.shell import Shell, UnexpectedError, change_in

ROOT = Path(__file__).parents[1]
PLATFORM = ROOT / ".demo" / "page"
_START_SECONDS = 60
_NAME = "org.opencontainers.image.ref.name"
_HELP = """
  {url}/                    the status: staging is locked, and its latest was moved by hand
  {url}/history             the history
  {url}/changes/{change}  a change that waits for approval

Sign in as bob@acme.com and approve it; alice@acme.com requested it, so she may not.
Ctrl-C ends it. Its files stay in .demo/page until the next start.
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make serve-demo")
    parser.add_argument("--port", type=int, default=8080, help="0: a free port")
    port = _free(parser.parse_args().port)
    # Both signals end the demo in the same way, and no process remains.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with issuer() as people:
            return _show(people, f"http://127.0.0.1:{port}", port)
    except KeyboardInterrupt:
        print("\nEnded.")
        return 0
    except (UnexpectedError, OSError) as error:
        print(f"The demo failed: {error}")
        return 1


def _show(people: Issuer, url: str, port: int) -> int:
    # The provider of the demo does not look at it.
    os.environ["PAGE_CLIENT_SECRET"] = "none"
    print("Making a platform with a past …", flush=True)
    change = _past(people, url)
    floe = [str(Path(sys.executable).with_name("floe")), "serve", "--port", str(port)]
    with subprocess.Popen(floe, cwd=PLATFORM, start_new_session=True) as server:
        try:
            _await(url, server)
            print(_HELP.format(url=url, change=change), flush=True)
            return server.wait()
        finally:
            server.terminate()


def _past(people: Issuer, url: str) -> str:
    """A few days of work; returns the change that waits."""
    shutil.rmtree(PLATFORM, ignore_errors=True)
    PLATFORM.mkdir(parents=True)
    layout = Layout(PLATFORM / "registry")
    for number, content in enumerate([*VERSIONS.values()] * 2):
        layout.publish(f"v1.4.{number}", content | {"release": number})
    shutil.copy(ROOT / "demo/scanner.py", PLATFORM)
    manifest = (ROOT / "demo/page.yaml").read_text()
    manifest = manifest.replace("${ISSUER}", people.url).replace("${URL}", url)
    (PLATFORM / "manifest.yaml").write_text(manifest)
    alice = {"token": people.token("alice@acme.com")}
    bob = {"token": people.token("bob@acme.com")}
    carol = {"token": people.token("carol@acme.com")}
    run = Shell(PLATFORM, shown=False).run
    run("", "floe keys generate")
    change = ""
    for number in range(3):
        run("", f"floe platform promote v1.4.{number} --to staging", **alice)
        change = change_in(run("", f"floe platform promote v1.4.{number} --to prod", 14, **alice))
        run("", f"floe platform approve {change}", **bob)
    back = "floe platform rollback v1.4.1 --env prod --reason 'INC-41: checkout answers with 5xx'"
    run("", back, **alice)
    run("", "floe platform promote v1.4.3 --to staging", **alice)
    run("", "floe platform promote v1.4.3 --to prod", 12, **carol)
    run("", "floe platform promote v1.4.4 --to staging", **alice)
    change = change_in(run("", "floe platform promote v1.4.4 --to prod", 14, **alice))
    reason = "INC-57: checkout is slow. Nothing goes to staging until the load test has ended."
    run("", f"floe platform lock --env staging --reason '{reason}' --for 2h", **bob)
    _move_by_hand(PLATFORM / "registry/index.json", "latest-staging", "v1.4.0-dev")
    return change


def _move_by_hand(index: Path, tag: str, to: str) -> None:
    """Move a tag as another tool could; the page then shows it as drifted."""
    document = json.loads(index.read_text())
    by_name = {each.get("annotations", {}).get(_NAME): each for each in document["manifests"]}
    by_name[tag]["digest"], by_name[tag]["size"] = by_name[to]["digest"], by_name[to]["size"]
    index.write_text(json.dumps(document))


def _free(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            print(f"Port {port} is in use: choosing another one.")
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise UnexpectedError("floe serve did not start")


if __name__ == "__main__":
    sys.exit(main())
