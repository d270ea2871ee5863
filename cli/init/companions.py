"""The files beside manifest.yaml: for Slack, for systemd and for Helm."""

import getpass
import re
import shutil
import sys
from importlib.resources import files
from pathlib import Path

from cli.init.answers import HTTP, Answers
from cli.init.manifest_text import flow
from engine.domain.errors import UsageError

_EXAMPLE = "https://floe.example.com"
_URLS = re.compile(r"\s*(?:- )?(?:url|request_url|message_menu_options_url): ")
_ONLY_WITH_URL = "# Where forms and the Home tab search products"
_HEAD = """\
# The manifest of the Slack app: https://api.slack.com/apps?new_app=1, "From a manifest".
"""
_PLAIN_PATH = re.compile(r"[\w/.@:+-]+")


def slack_app(answers: Answers) -> str:
    """The manifest of the Slack app: with the address, or for Socket Mode without any."""
    shipped = files("bot").joinpath("slack-app.yaml").read_text(encoding="utf-8")
    _, _, body = shipped.partition("\n_metadata:")
    text = f"{_HEAD}_metadata:{body}"
    if answers.slack == HTTP:
        return text.replace(_EXAMPLE, answers.address.rstrip("/"))
    lines = [
        line
        for line in text.splitlines(keepends=True)
        if not (_URLS.match(line) or line.strip().startswith(_ONLY_WITH_URL))
    ]
    return "".join(lines).replace("socket_mode_enabled: false", "socket_mode_enabled: true")


def secrets_file(answers: Answers) -> str:
    """The file from which systemd reads the secrets."""
    return f"/etc/floe/{answers.product}.env"


def systemd_unit(answers: Answers, folder: Path) -> str:
    """The unit of a server that runs in `folder` as this user; UsageError for special paths."""
    program = _program()
    for path in (folder, program):
        if not _PLAIN_PATH.fullmatch(str(path)):
            raise UsageError(
                f"A unit of systemd cannot have the path '{path}': use a directory whose path has "
                "only letters, digits and . _ - + @ : /"
            )
    secrets = (
        f"# {', '.join(answers.variables)}: one NAME=value per line, readable by root only.\n"
        f"EnvironmentFile={secrets_file(answers)}\n"
        if answers.variables
        else ""
    )
    return f"""\
[Unit]
Description=floe: promotions of {answers.product}
Wants=network-online.target
After=network-online.target

[Service]
User={getpass.getuser()}
WorkingDirectory={folder}
{secrets}ExecStart={program} serve --manifest {folder}/manifest.yaml{answers.port_options}
Restart=on-failure
# floe hands a change back before it ends.
TimeoutStopSec=40
ProtectSystem=strict
# The state, and the locks that all programs of this machine share.
ReadWritePaths={folder} /run/lock

[Install]
WantedBy=multi-user.target
"""


def helm_values(answers: Answers, manifest: str) -> str:
    """The values of deploy/chart."""
    indented = "".join(f"  {line}".rstrip() + "\n" for line in manifest.splitlines())
    return f"""\
# Values of deploy/chart for {answers.product}; its README explains all of them.
image: {flow({"repository": answers.image})}
replicas: 2
# Secrets of Kubernetes whose keys become environment variables:
# floe has {", ".join(answers.variables)}
# floe-key has FLOE_LEDGER_KEY, the content of floe.key
secrets: [floe, floe-key]
# A copy: with `--set-file manifest=manifest.yaml`, helm takes the file.
manifest: |
{indented}"""


def _program() -> Path:
    """The path of this program; UsageError if it has none, as in a checkout."""
    called = Path(sys.argv[0]).absolute()
    named = (called,) if called.name.startswith("floe") else ()
    beside = Path(sys.executable).with_name("floe")
    found = next((each for each in (*named, beside) if each.is_file()), shutil.which("floe"))
    if found is None:
        raise UsageError("The unit of systemd needs an installed floe: pipx install .")
    return Path(found)
