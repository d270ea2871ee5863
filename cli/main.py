"""The command line program `floe`."""

import gc
import os
import sys
from typing import NoReturn

import click

from cli import stdio
from cli.errors import interrupted, usage_failure
from cli.interruption import handle_signals
from cli.lazy_group import LazyGroup

platform = LazyGroup(
    "platform",
    "Promote versions, and show the state of environments.",
    {
        "promote": ("cli.commands.promote:promote", "Promote a version to the next environment."),
        "rollback": (
            "cli.commands.rollback:rollback",
            "Roll an environment back to an earlier version.",
        ),
        "lock": ("cli.commands.freeze:lock", "Lock an environment against promotions."),
        "unlock": ("cli.commands.freeze:unlock", "Unlock an environment."),
        "waive": ("cli.commands.waive:waive", "Let a vulnerability pass for some time."),
        "unwaive": ("cli.commands.waive:unwaive", "End a waiver early."),
        "waivers": ("cli.commands.waivers:waivers", "List waivers, also as OpenVEX."),
        "restore": (
            "cli.commands.freeze:restore",
            "Put a moved latest tag back to the ledger's version.",
        ),
        "approve": ("cli.commands.changes:approve", "Approve a change of another person."),
        "reject": ("cli.commands.changes:reject", "Reject a change, with a reason."),
        "cancel": ("cli.commands.changes:cancel", "Cancel a change."),
        "reschedule": (
            "cli.commands.changes:reschedule",
            "Carry a scheduled change out at another time.",
        ),
        "changes": ("cli.commands.changes:changes", "List open changes."),
        "open": ("cli.commands.open:open_page", "Open a page in the browser."),
        "review": ("cli.commands.freeze:review", "Review a break-glass of another person."),
        "status": ("cli.commands.status:status", "Show which version each environment runs."),
        "versions": ("cli.commands.versions:versions", "List published versions, newest first."),
        "diff": ("cli.commands.diff:diff", "Show the differences between two versions."),
        "windows": ("cli.commands.windows:windows", "Show when environments open and close."),
        "dora": ("cli.commands.dora:dora", "Show how often and how safely versions change."),
        "attest": ("cli.commands.attest:attest", "State which versions may run."),
        "retention": ("cli.commands.retention:retention", "List the tags that cleanup must keep."),
        "release": ("cli.commands.freeze:release", "Release a version from quarantine."),
        "sync": ("cli.commands.sync:sync", "Repair secondary registries."),
        "webhooks": ("cli.commands.webhooks:webhooks", "List failed webhook deliveries."),
    },
)

audit = LazyGroup(
    "audit",
    "Verify and search the ledgers.",
    {
        "verify": ("cli.commands.audit:verify", "Verify the ledgers and tags."),
        "acknowledge": (
            "cli.commands.freeze:acknowledge",
            "Acknowledge a number whose content does not count.",
        ),
        "accept": ("cli.commands.audit:accept", "Accept a ledger restored from a backup."),
        "repair": ("cli.commands.repair:repair", "Put back removed tags of a ledger."),
        "policy": ("cli.commands.policy:policy", "Print the rules of a record."),
        "history": ("cli.commands.audit:history", "Show the records of the ledgers."),
        "checkpoint": ("cli.commands.audit:checkpoint", "Sign the ledgers as they are now."),
        "export": ("cli.commands.audit:export", "Write the ledgers into a directory."),
    },
)
platform.add_command(audit)

_OFTEN = (
    *("promote", "rollback", "release", "lock", "unlock"),
    *("status", "versions", "diff", "changes", "open"),
)
_DECISIONS = ("approve", "reject", "cancel")

floe = LazyGroup(
    "floe",
    "Promote immutable OCI artifacts from environment to environment.",
    {
        "init": ("cli.commands.init:init", "Write the files of a new platform."),
        "schema": ("cli.commands.schema:schema", "Print the JSON Schema of a configuration file."),
        "login": ("cli.commands.login:login", "Sign in with an OpenID provider."),
        "logout": ("cli.commands.login:logout", "Forget a sign-in."),
        "whoami": ("cli.commands.whoami:whoami", "Show your identity and your rights."),
        "doctor": ("cli.commands.doctor:doctor", "Try the settings on the real systems."),
        "serve": ("cli.serve:serve", "Run the web page and the Slack bot."),
        "completion": ("cli.commands.completion:completion", "Print a shell completion script."),
    },
    epilog="Exit codes: 0 done · 2 usage · 3 not found · 5 unavailable · 6 signature · 8 gate · "
    "9 transition · 10 tag exists · 11 never promoted · 12 not authorized · 13 locked · "
    "14 waiting · 15 rejected · 130 interrupted",
    short_forms={name: platform.lazy[name] for name in (*_OFTEN, *_DECISIONS)}
    | {
        "history": audit.lazy["history"],
        "audit": ("cli.main:audit", "Verify and search the ledgers."),
    },
)
floe.add_command(platform)
floe.add_command(
    LazyGroup(
        "artifact",
        "Verify and download one artifact.",
        {
            "verify": ("cli.commands.artifact:verify", "Show the signatures of an artifact."),
            "pull": ("cli.commands.artifact:pull", "Verify an artifact, then download it."),
        },
    )
)
floe.add_command(
    LazyGroup(
        "manifest",
        "Check and show configuration files.",
        {
            "check": ("cli.commands.manifest:check", "List all mistakes in configuration files."),
            "diff": ("cli.commands.manifest_diff:diff", "Show looser and stricter rules."),
            "show": (
                "cli.commands.manifest_show:show",
                "Print the settings of a product, with those that it inherits.",
            ),
        },
    )
)
floe.add_command(
    LazyGroup(
        "keys",
        "Make, show and rotate the keys that sign ledger entries.",
        {
            "generate": ("cli.commands.keys:generate", "Make a key that signs ledger entries."),
            "show": ("cli.commands.keys:show", "Show a public key in every form."),
            "rotate": ("cli.commands.rotate:rotate", "Trust other keys from now on."),
        },
    )
)
floe.add_command(
    LazyGroup(
        "state",
        "Care for the database that several servers share.",
        {
            "adopt": ("cli.commands.adopt:adopt", "Give the changes of a manifest to a product."),
            "migrate": ("cli.commands.state:migrate", "Make or migrate the tables of state.url."),
            "rebuild": ("cli.commands.state:rebuild", "Read the history from the registry again."),
        },
    )
)
click.version_option(None, "-V", "--version", package_name="floe", message="floe %(version)s")(floe)


def main() -> None:
    """Run the command of this process, and end with its exit code."""
    if os.getpid() == 1:
        _leave_first_process()
    # A start allocates some 80,000 objects that stay: searching them for garbage takes long.
    gc.set_threshold(100_000)
    # To find plugins of pydantic, it would read the metadata of every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    stdio.prepare()
    handle_signals()
    _leave(run(sys.argv[1:]))


def _leave_first_process() -> None:
    """Load the code for process 1 only in a container."""
    from engine.runtime.init_process import continue_in_child

    continue_in_child()


def run(arguments: list[str]) -> int:
    """
    Run the command line `arguments` and return its exit code.

    Handles the errors that a command cannot handle itself.
    """
    if os.environ.get("_FLOE_COMPLETE"):
        # Few calls come from a shell.
        from cli.completions import answer_shell

        return answer_shell(floe, arguments)
    try:
        _configure_logs()
        # Click returns the exit code of an Exit, and None otherwise.
        return floe.main(arguments, standalone_mode=False, prog_name="floe") or 0
    except click.ClickException as error:
        return usage_failure(error, arguments)
    except (click.Abort, KeyboardInterrupt):
        return interrupted(arguments)
    except OSError as error:
        # Commands handle their own errors: this one comes from writing the answer.
        return stdio.unwritten(error, 0)


def _configure_logs() -> None:
    """Load the log configuration only when FLOE_LOG is set."""
    if not os.environ.get("FLOE_LOG"):
        return
    from engine.bootstrap.observability import configure_logs
    from engine.domain.errors import ConfigError

    try:
        configure_logs(os.environ, sys.stderr)
    except ConfigError as error:
        raise click.UsageError(str(error)) from error


def _leave(code: int) -> NoReturn:
    """End the process without waiting for requests that threads still run."""
    os._exit(stdio.flushed(code))
