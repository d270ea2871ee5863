"""`make demo-slack`: a local Slack workspace with the bot, to try every command."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from demo.issuer import Issuer, issuer
from demo.seed import VERSIONS, seed
from demo.shell import Shell, UnexpectedError, change_in
from tests.peers.local_slack import APP_TOKEN, BOT_TOKEN, DEPLOYS, LocalSlack, local_slack
from tests.peers.loopback import free_port

ROOT = Path(__file__).parents[1]
PLATFORM = ROOT / ".demo" / "slack"
_START_SECONDS, _END_SECONDS = 60, 60
_HELP = """
  {slack}   the Slack workspace: you are alice there, and "Act as" changes the person
  {floe}   the running versions

In #deploys, as alice:          /promote v1.2.3 prod
In its thread, as bob:          Approve
Then, as alice:                 /rollback prod        /promotions
From #inc-42, as bob or carol:  /lock prod 30m INC-42: checkout is slow
Ctrl-C ends it. Its files stay in .demo/slack until the next start.
"""


def main() -> int:
    # Both signals end the demo in the same way, and no process remains.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        print("Making a platform and a Slack workspace …", flush=True)
        url = f"http://127.0.0.1:{free_port()}"
        with issuer() as people:
            _platform(url, people)
            with local_slack(PLATFORM) as slack:
                return _show(slack, url)
    except KeyboardInterrupt:
        print("\nEnded.")
        return 0
    except (UnexpectedError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        print(f"The demo failed: {error}")
        return 1


def _platform(url: str, people: Issuer) -> None:
    """Create a platform with all versions in staging and the first one in prod."""
    shutil.rmtree(PLATFORM, ignore_errors=True)
    PLATFORM.mkdir(parents=True)
    seed(PLATFORM / "registry")
    shutil.copy(ROOT / "demo/scanner.py", PLATFORM)
    manifest = (ROOT / "demo/slack.yaml").read_text().replace("${URL}", url)
    manifest = manifest.replace("${ISSUER}", people.url)
    (PLATFORM / "manifest.yaml").write_text(manifest)
    run = Shell(PLATFORM, shown=False).run
    run("", "floe keys generate")
    alice, bob = ({"token": people.token(f"{name}@acme.com")} for name in ("alice", "bob"))
    for version in VERSIONS:
        run("", f"floe platform promote {version} --to staging", **alice)
    asked = run("", f"floe platform promote {next(iter(VERSIONS))} --to prod", 14, **alice)
    run("", f"floe platform approve {change_in(asked)}", **bob)


def _show(slack: LocalSlack, url: str) -> int:
    floe = [str(Path(sys.executable).with_name("floe")), "serve", "--port", url.rpartition(":")[2]]
    tokens = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN}
    with (
        (PLATFORM / "serve.log").open("wb") as log,
        subprocess.Popen(
            floe,
            cwd=PLATFORM,
            env=os.environ | tokens | {"SLACK_API_URL": slack.api},
            stderr=log,
            start_new_session=True,
        ) as server,
    ):
        try:
            _await(url, server)
            print(_HELP.format(slack=f"{slack.url}/#/{DEPLOYS}", floe=url), flush=True)
            server.wait()
            raise UnexpectedError(f"floe serve has ended; see {PLATFORM / 'serve.log'}")
        finally:
            server.terminate()
            # Slack ends last, so that floe logs no lost connection.
            server.wait(_END_SECONDS)


def _await(url: str, server: subprocess.Popen[bytes]) -> None:
    """Wait until the server is connected to Slack."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(f"{url}/readyz", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise UnexpectedError(f"floe serve did not start; see {PLATFORM / 'serve.log'}")


if __name__ == "__main__":
    sys.exit(main())
