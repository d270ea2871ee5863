"""`make serve-demo`: the page of a company with twelve products, to try out."""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from demo.company import Company
from demo.issuer import Issuer, issuer
from demo.shell import UnexpectedError

ROOT = Path(__file__).parents[1]
PLATFORM = ROOT / ".demo" / "page"
_START_SECONDS = 60
_HELP = """
  {url}/             twelve products: some wait, are locked or drifted, and two cannot be used
  {url}/p/checkout/  one of them: staging is locked, and its latest was moved by hand
  {url}/p/checkout/changes/{change}
                                      a change that waits for approval

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
    print("Making a company with a past …", flush=True)
    change = Company(PLATFORM, people, url).past()
    floe = [str(Path(sys.executable).with_name("floe")), "serve", "--port", str(port)]
    floe += ["--manifest", "floe.yaml"]
    with subprocess.Popen(floe, cwd=PLATFORM, start_new_session=True) as server:
        try:
            _await(url, server)
            print(_HELP.format(url=url, change=change), flush=True)
            return server.wait()
        finally:
            server.terminate()


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
