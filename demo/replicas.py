"""`make demo-replicas`: two servers share a database. Each is killed once, and nothing is lost."""

import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import httpx

from demo.replica_stage import PLATFORM, Stage, open_stage
from demo.shell import Shell, UnexpectedError
from tests.peers import docker_registry
from tests.peers.postgres import binaries

FIRST, SECOND = "v1.2.3", "v1.2.4"
# Less than the gates of demo/replicas.yaml take.
_GATES_RUN_SECONDS = 2
# As shells report a program that Ctrl-C ended.
_INTERRUPTED = 130
_END = """
That was floe on two servers. Their logs stay in .demo/replicas until the next start. From here:
  with containers or in a cluster  docs/scaling.md
  remove all of it                 make clean"""


def main() -> int:
    # Both signals end the demo in the same way, and no process remains.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _require_packages()
        print("Starting PostgreSQL, a registry, a Slack workspace and two servers …", flush=True)
        shutil.rmtree(PLATFORM, ignore_errors=True)
        PLATFORM.mkdir(parents=True)
        with open_stage(FIRST, SECOND) as stage:
            lose_the_server_that_runs_the_gates(stage)
            lose_the_server_while_a_change_waits(stage)
            verify(stage)
    except KeyboardInterrupt:
        print("\nEnded.")
        return _INTERRUPTED
    except (
        UnexpectedError,
        OSError,
        RuntimeError,
        httpx.HTTPError,
        subprocess.SubprocessError,
    ) as error:
        print(f"The demo failed: {error}")
        return 1
    print(_END)
    return 0


def lose_the_server_that_runs_the_gates(stage: Stage) -> None:
    stage.ask(FIRST, "staging")
    stage.card(FIRST, "staging", "Promoted")
    stage.say(f"alice typed /promote {FIRST} staging in #deploys: {FIRST} is in staging.")
    stage.ask(FIRST, "prod")
    working = stage.gates_started_by(1)
    stage.say(f"alice typed /promote {FIRST} prod: server {working.name} runs its gates.")

    time.sleep(_GATES_RUN_SECONDS)
    working.kill()
    killed = time.monotonic()
    stage.say(f"kill -9 for server {working.name}, in the middle of the gates.")
    other = stage.gates_started_by(2)
    if other is working:
        raise UnexpectedError(f"server {working.name} was killed and started gates again")
    seconds = time.monotonic() - killed
    stage.say(
        f"Server {other.name} took over {seconds:.1f} s after the kill, and repeats the gates."
    )
    acknowledged = stage.approve(FIRST)
    stage.say(f"bob clicked Approve. Server {other.name} answered after {acknowledged:.0f} ms.")
    stage.card(FIRST, "prod", "Promoted")
    stage.say(f"{FIRST} is in prod.")

    working.start(stage.slack)
    working.until_ready()
    stage.say(f"Server {working.name} is started again, and ready.")


def lose_the_server_while_a_change_waits(stage: Stage) -> None:
    # The server that outlived the other one sends the messages to Slack.
    leading = stage.gates_started_by(2)
    other = stage.other(leading)
    stage.ask(SECOND, "staging")
    stage.card(SECOND, "staging", "Promoted")
    stage.ask(SECOND, "prod")
    stage.question(SECOND)
    stage.say(f"alice typed /promote {SECOND} staging, then prod: the change waits for approval.")

    leading.kill()
    killed = time.monotonic()
    stage.say(f"kill -9 for server {leading.name}, while it waits.")
    acknowledged = stage.approve(SECOND)
    stage.say(f"bob clicked Approve. Server {other.name} answered after {acknowledged:.0f} ms.")
    stage.card(SECOND, "prod", "Promoted")
    seconds = time.monotonic() - killed
    stage.say(f"Server {other.name} took over: {SECOND} is in prod {seconds:.1f} s after the kill.")


def verify(stage: Stage) -> None:
    """Compare Slack and the ledgers with the four promotions that were requested."""
    repeated = [key for key, count in Counter(stage.all_cards()).items() if count > 1]
    if repeated or len(stage.all_cards()) != 4:
        raise UnexpectedError(f"Slack has the cards {stage.all_cards()} for 4 changes")
    stage.say("Slack has one card for each of the four changes.")
    shell = Shell(PLATFORM / "a")
    said = shell.run("Did the ledgers survive?", "floe platform audit verify")
    for environment in ("staging", "prod"):
        if f"The ledger of {environment} is sound: 2 records" not in said:
            raise UnexpectedError(f"the ledger of {environment} has not exactly two records")
    print("\nThe ledger is sound: two promotions in staging and two in prod, each recorded once.")


def _require_packages() -> None:
    """Raise UnexpectedError if the package manager could not install a server."""
    missing = [
        name
        for name, found in (
            ("postgresql", binaries()),
            ("docker-registry", shutil.which(docker_registry.PROGRAM)),
        )
        if not found
    ]
    if missing:
        raise UnexpectedError(f"{' and '.join(missing)} must be installed first")


if __name__ == "__main__":
    sys.exit(main())
