"""A Slack workspace with a server of two products, checkout and search."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bot.stage import block_text
from tests.e2e.workspace import Workspace, running_workspace
from tests.peers.local_slack import ALICE, BOB, DEPLOYS, Json

_SERVER = """
apiVersion: floe.dev/v1
kind: Server
products: [checkout.yaml, search.yaml]
defaults:
  registry: {uri: "oci://%s/{product}", auth: {type: anonymous}}
  promotion:
    environments:
      - name: dev
      - name: staging
      - name: prod
        gates: {tests: true}
        authorization: {allowed_groups: [developers]}
        approvals: {required: 1, groups: [release-managers]}
    break_glass: {groups: [developers], review: {groups: [release-managers]}}
    gate_commands: {tests: [echo, 41 passed]}
identity:
  groups: {developers: [alice@acme.com, dave@acme.com], release-managers: [bob@acme.com]}
  lockers: [release-managers]
slack: {channel: %s}
"""
_PRODUCT = "apiVersion: floe.dev/v1\nkind: Manifest\nmetadata: {name: %s}\n"


@contextmanager
def running_shop(folder: Path, registry: str) -> Iterator[Workspace]:
    """Run the server of checkout and search; other interfaces use checkout."""
    place = f"tests/{folder.name}"
    (folder / "manifest.yaml").write_text(_SERVER % (f"{registry}/{place}", DEPLOYS))
    for name in ("checkout", "search"):
        (folder / f"{name}.yaml").write_text(_PRODUCT % name)
    repository = f"{place}/checkout"
    with running_workspace(
        folder, registry, repository, socket=False, product="checkout"
    ) as running:
        yield running


def message(shop: Workspace, words: str, channel: str) -> Json:
    """The newest message to all people in `channel` that contains `words`, once there is one."""

    def there() -> Json | None:
        to_all = [m for m in shop.slack.everything(channel) if "ephemeral_to" not in m]
        found = [m for m in to_all if m.get("blocks") and words in block_text(m)]
        return found[-1] if found else None

    return shop.eventually(there)


def release(shop: Workspace, version: str) -> None:
    shop.publish_to_staging(version)
    shop.slack.command(ALICE, f"/promote checkout {version} prod")
    shop.slack.click(BOB, shop.ask(shop.root(version, "Waiting for approval")), "floe_approve")
    shop.root(version, "Promoted")


def break_the_glass(shop: Workspace) -> Json:
    """Promote the fix past the lock and without an approval; return the announcement."""
    glass = '--break-glass --incident INC-42 --reason "the fix of 5xx"'
    shop.slack.command(ALICE, f"/promote checkout v2.0.1 prod {glass}")
    shop.root("v2.0.1", "Promoted")
    assert shop.tagged("latest-prod") == shop.tagged("v2.0.1-prod")
    return message(shop, "Review…", DEPLOYS)
