"""The text of manifest.yaml, with short comments."""

from typing import Any

import yaml

from cli.init.answers import HELM, Answers
from engine.config.addresses import RemoteAddress


def manifest_text(answers: Answers, public_key: str) -> str:
    """Render the smallest manifest for `answers`; `public_key` is that of floe.key in PEM."""
    parts = (
        _head(answers),
        _artifacts(answers),
        _ledger(answers, public_key),
        _identity(answers),
        _slack(answers),
        _web(answers),
        _state(answers),
    )
    return "\n".join(f"{part}\n" for part in parts if part)


def flow(value: Any) -> str:
    """Render `value` as YAML on one line."""
    text = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=1_000_000
    )
    return text.removesuffix("...\n").strip()


def _head(answers: Answers) -> str:
    return f"""\
# How {answers.product} is promoted. `floe manifest check` checks this file, and `floe schema`
# prints all that can stand here.
apiVersion: floe.dev/v1
kind: Manifest
metadata: {flow({"name": answers.product})}"""


def _artifacts(answers: Answers) -> str:
    environments = [f"      - name: {flow(name)}" for name in answers.environments]
    last = environments.pop()
    lines = [
        "artifacts:",
        "  registry:",
        *_credentials(answers),
        f"    uri: {flow(answers.registry)}",
        "  promotion:",
        "    environments:          # in the order of promotion; builds publish into the first one",
        *environments,
        last,
    ]
    if answers.approvals:
        groups = {"groups": [*answers.approver_groups]} if answers.approvers else {}
        rule = flow({"required": answers.approvals, **groups})
        lines += ["        # By people other than the requester.", f"        approvals: {rule}"]
    return "\n".join(lines)


def _credentials(answers: Answers) -> list[str]:
    if not isinstance(answers.place, RemoteAddress):
        return []
    if answers.deploy == HELM:
        names = "username_env: REGISTRY_USERNAME, password_env: REGISTRY_PASSWORD"
        return [f"    auth: {{type: basic, {names}}}"]
    return ["    # With the credentials of `docker login`, `podman login` or `skopeo login`."]


def _ledger(answers: Answers, public_key: str) -> str:
    if answers.deploy == HELM:
        pem = "".join(f"\n      {line}" for line in public_key.splitlines())
        return f"""\
ledger:                    # every record is signed
  signing: {{key: "env:FLOE_LEDGER_KEY"}}   # the content of floe.key
  trusted_keys:
    - |{pem}"""
    return """\
ledger:                    # every record is signed with floe.key; keep it out of git
  signing: {key: "file:floe.key"}
  trusted_keys: [floe.key.pub]"""


def _identity(answers: Answers) -> str:
    if not answers.approver_emails:
        return ""
    group = {answers.approver_groups[0]: [*answers.approver_emails]}
    return f"identity:\n  groups: {flow(group)}"


def _slack(answers: Answers) -> str:
    return f"slack: {flow({'channel': answers.slack_channel})}" if answers.slack_channel else ""


def _web(answers: Answers) -> str:
    if not answers.address:
        return ""
    if not answers.oidc_issuer:
        return f"web: {flow({'base_url': answers.address})}"
    return f"""\
web:
  base_url: {flow(answers.address)}
  # Its redirect URL at the issuer is {answers.address.rstrip("/")}/auth/callback
  auth:
    mode: oidc
    issuer: {flow(answers.oidc_issuer)}
    client_id: {flow(answers.oidc_client_id)}
    client_secret_env: OIDC_CLIENT_SECRET
    allowed_domains: {flow([*answers.oidc_domains])}"""


def _state(answers: Answers) -> str:
    if answers.deploy != HELM:
        return ""
    return """\
state:                     # PostgreSQL, which the servers share
  url: env:FLOE_STATE_URL
  dir: /var/lib/floe"""
