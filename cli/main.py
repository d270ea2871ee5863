"""`floe`: the engine on the command line."""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import click

from cli import stdio
from cli.errors import interrupted, usage_failure
from cli.lazy_group import LazyGroup

platform = LazyGroup(
    "platform",
    "Promote versions, and see what runs where.",
    {
        "promote": ("cli.commands.promote:promote", "Bring a version one environment further."),
        "rollback": ("cli.commands.rollback:rollback", "Return to a version promoted before."),
        "lock": ("cli.commands.freeze:lock", "Stop promotions to an environment."),
        "unlock": ("cli.commands.freeze:unlock", "Let promotions to an environment go on."),
        "restore": (
            "cli.commands.freeze:restore",
            "Put a moved latest tag back to the ledger's version.",
        ),
        "approve": ("cli.commands.changes:approve", "Agree to a change of somebody else."),
        "reject": ("cli.commands.changes:reject", "Say no to a change, and why."),
        "cancel": ("cli.commands.changes:cancel", "Take a change back."),
        "changes": ("cli.commands.changes:changes", "Show the changes in flight."),
        "status": ("cli.commands.status:status", "Show what runs where."),
        "sync": ("cli.commands.sync:sync", "Bring secondary registries to where the primary is."),
        "webhooks": ("cli.commands.webhooks:webhooks", "Show what webhooks were not told of."),
    },
)

audit = LazyGroup(
    "audit",
    "Whether the ledger can be believed, and what it says.",
    {
        "verify": ("cli.commands.audit:verify", "Look for what was altered, moved or taken away."),
        "history": ("cli.commands.audit:history", "Show records: who did what, when and why."),
    },
)
platform.add_command(audit)

floe = LazyGroup(
    "floe",
    "Promote immutable OCI artifacts from environment to environment.",
    {
        "schema": ("cli.commands.schema:schema", "Print the JSON Schema of manifest.yaml."),
        "serve": ("cli.serve:serve", "Run the web page and the Slack bot."),
        "completion": ("cli.commands.completion:completion", "Print a shell completion script."),
    },
    epilog="Exit codes: 0 done · 2 usage · 3 not found · 5 unavailable · 6 signature · 8 gate · "
    "9 transition · 10 tag exists · 11 never promoted · 12 not authorized · 13 locked · "
    "14 waiting · 15 rejected · 130 interrupted",
)
floe.add_command(platform)
floe.add_command(
    LazyGroup(
        "artifact",
        "One artifact: who signed it, and what is in it.",
        {
            "verify": ("cli.commands.artifact:verify", "Show which signatures an artifact has."),
            "pull": ("cli.commands.artifact:pull", "Verify an artifact, then download it."),
        },
    )
)
click.version_option(package_name="floe", message="floe %(version)s")(floe)


def main() -> None:
    """The entry point: this process is one command, and ends with its exit code."""
    if os.getpid() == 1:
        _leave_first_process()
    stdio.prepare()
    signal.signal(signal.SIGTERM, _interrupt)
    _leave(run(sys.argv[1:]))


def _leave_first_process() -> None:
    """Loaded only in a container."""
    from engine.runtime.init_process import continue_in_child

    continue_in_child()


def run(arguments: list[str]) -> int:
    """
    Carry out the command that `arguments` are, and return its exit code. What a command could not
    answer itself is answered here.
    """
    try:
        _configure_logs()
        # Click answers with the exit code of whoever raised Exit, and with None otherwise.
        return floe.main(arguments, standalone_mode=False, prog_name="floe") or 0
    except click.ClickException as error:
        return usage_failure(error, arguments)
    except (click.Abort, KeyboardInterrupt):
        return interrupted(arguments)
    except OSError as error:
        # Commands answer for what they do themselves: this is of writing what they said.
        return stdio.unwritten(error, 0)


def _configure_logs() -> None:
    """Loaded only where somebody asks for other logs than python's own."""
    if not os.environ.get("FLOE_LOG"):
        return
    from engine.bootstrap.observability import configure_logs
    from engine.domain.errors import ConfigError

    try:
        configure_logs(os.environ, sys.stderr)
    except ConfigError as error:
        raise click.UsageError(str(error)) from error


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _leave(code: int) -> NoReturn:
    """End now: requests still under way in threads must not delay an answer that is given."""
    os._exit(stdio.flushed(code))
