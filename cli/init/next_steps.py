"""The commands after `floe init`, as they can be typed."""

import os
import shlex
import shutil
from dataclasses import dataclass

from cli.init.answers import HELM, HTTP, SYSTEMD, Answers
from cli.init.companions import secrets_file
from engine.config.addresses import RemoteAddress

SAMPLE = "v0.0.1"
_IN_CLUSTER = "kubectl exec deployment/floe --container floe --"
_CLIENTS = ("skopeo", "oras", "crane")
_SECRETS = {
    "SLACK_BOT_TOKEN": "OAuth & Permissions: Bot User OAuth Token (xoxb-…)",
    "SLACK_APP_TOKEN": "Basic Information, App-Level Tokens: one with connections:write (xapp-…)",
    "SLACK_SIGNING_SECRET": "Basic Information, App Credentials: Signing Secret",
    "OIDC_CLIENT_SECRET": "the secret of the client at the issuer",
    "FLOE_STATE_URL": "postgresql://USER:PASSWORD@HOST:5432/DATABASE",
    "REGISTRY_USERNAME": "an account that may pull and push",
    "REGISTRY_PASSWORD": "its password",
}


@dataclass(frozen=True)
class NextSteps:
    """The secrets to set first, the commands to type, and the first step after them."""

    secrets: tuple[str, ...]
    commands: tuple[str, ...]
    afterwards: tuple[str, ...]


def next_steps(answers: Answers) -> NextSteps:
    publish, promote = _publish(answers), f"floe promote {SAMPLE} --to {answers.environments[1]}"
    if answers.deploy == HELM:
        promote = f"{_IN_CLUSTER} {promote}"
        commands = [publish, _serve(answers), promote]
    else:
        commands = [publish, promote, _serve(answers)]
    if _needs_approval(answers, answers.environments[1]):
        # The command line has no identity yet.
        commands.remove(promote)
    return NextSteps((*_slack(answers), *_secrets(answers)), tuple(commands), _afterwards(answers))


def _publish(answers: Answers) -> str:
    """Push a file as a sample with the client that is installed."""
    place, tag = answers.place, f"{SAMPLE}-{answers.environments[0]}"
    if not isinstance(place, RemoteAddress):
        target = shlex.quote(f"{place.path}:{tag}")
        if _client() == "oras":
            return f"oras push --oci-layout {target} manifest.yaml"
        return f"tar -c manifest.yaml | skopeo copy tarball:- oci:{target}"
    target, http = f"{place.host}/{place.repository}:{tag}", answers.plain_http
    return {
        "skopeo": "tar -c manifest.yaml | skopeo copy "
        f"{'--dest-tls-verify=false ' if http else ''}tarball:- docker://{target}",
        "oras": f"oras push {'--plain-http ' if http else ''}{target} manifest.yaml",
        "crane": f"tar -c manifest.yaml | crane append -f - -t {target}",
    }[_client()]


def _client() -> str:
    return next((name for name in _CLIENTS if shutil.which(name)), _CLIENTS[0])


def _serve(answers: Answers) -> str:
    if answers.deploy == HELM:
        return (
            "helm upgrade --install floe deploy/chart --values values.yaml "
            "--set-file manifest=manifest.yaml"
        )
    if answers.deploy == SYSTEMD:
        sudo = "sudo " if os.getuid() else ""
        return f"{sudo}cp floe.service /etc/systemd/system/ && {sudo}systemctl enable --now floe"
    return f"floe serve{answers.port_options}"


def _slack(answers: Answers) -> tuple[str, ...]:
    if not answers.has_slack:
        return ()
    lines = (
        'Create the Slack app: https://api.slack.com/apps?new_app=1, "From a manifest", paste '
        "slack-app.yaml, and install it.",
    )
    if answers.slack != HTTP:
        return lines
    return (*lines, "Once floe serves: Event Subscriptions, Retry.")


def _secrets(answers: Answers) -> tuple[str, ...]:
    named = [f"  {name:20}  {_SECRETS[name]}" for name in answers.variables]
    if answers.deploy == HELM:
        return (
            "Write these into secrets.env, one NAME=value per line, and create the Secrets:",
            *named,
            "  kubectl create secret generic floe --from-env-file=secrets.env",
            "  kubectl create secret generic floe-key --from-file=FLOE_LEDGER_KEY=floe.key",
        )
    if not named:
        return ()
    if answers.deploy == SYSTEMD:
        place = secrets_file(answers)
        return (
            f"Write these into {place}, one NAME=value per line, readable by root only:",
            *named,
        )
    return ("Set these in the environment of floe serve:", *named)


def _afterwards(answers: Answers) -> tuple[str, ...]:
    waiting = next(
        (name for name in answers.environments[1:] if _needs_approval(answers, name)), None
    )
    target = waiting or answers.environments[-1]
    approved = "; another person approves in the thread" if waiting else ""
    lines = [f"In Slack: /promote {SAMPLE} {target}{approved}"] if answers.has_slack else []
    if answers.deploy == HELM:
        lines.append(f"To try the settings where the secrets are: {_IN_CLUSTER} floe doctor")
    page = answers.address or "http://localhost:8080"
    if not answers.approvals:
        lines.append(
            f"{answers.environments[-1]} needs no approval yet: floe knows people through Slack or "
            "an OpenID provider (floe init --help)"
        )
    return (*lines, f"The page: {page}")


def _needs_approval(answers: Answers, environment: str) -> bool:
    return bool(answers.approvals) and environment == answers.environments[-1]
