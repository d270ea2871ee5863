"""A company of twelve products in different states, for `make serve-demo`."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from demo.issuer import Issuer
from demo.seed import VERSIONS, Layout
from demo.shell import Shell, change_in

ROOT = Path(__file__).parents[1]
_NAME = "org.opencontainers.image.ref.name"
_PRODUCT = """\
apiVersion: floe.dev/v1
kind: Manifest
metadata: {name: %s, owner: %s}
artifacts: {%s}
"""
_NOWHERE = "registry: {uri: 'oci://127.0.0.1:9/acme/reports', insecure: true, timeout_seconds: 2}"
_FAILS = "promotion: {gate_commands: {tests: [python3, -c, \"exit('3 of 120 tests failed')\"]}}"
# The demo can start at any time: a team without promotions to prod has it.
_FREEZE = (
    "promotion: {windows: [{name: weekend, kind: deny, environments: [prod], rrule: FREQ=WEEKLY, "
    "dtstart: 'TZID=Europe/Berlin:20260102T160000', dtend: 20260105T080000, "
    "reason: No one is on call at weekends, contact: '#team-data'}]}"
)
_SBOM = "application/vnd.cyclonedx+json"
_WRONG = "registry: {uri: reports}"


class Company:
    """Writes the files of a server into `folder`, and works with its products as people do."""

    def __init__(self, folder: Path, people: Issuer, url: str) -> None:
        self._folder = folder
        self._tokens = {
            name: people.token(f"{name}@acme.com") for name in ("alice", "bob", "carol")
        }
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "products").mkdir(parents=True)
        # Gates run in the folder of the product file.
        shutil.copy(ROOT / "demo/scanner.py", folder / "products")
        server = (ROOT / "demo/company.yaml").read_text()
        server = server.replace("${ISSUER}", people.url).replace("${URL}", url)
        (folder / "floe.yaml").write_text(server)

    def past(self) -> str:
        """A few days of work; returns the change of checkout that waits."""
        Shell(self._folder, shown=False).run("", "floe keys generate")
        with ThreadPoolExecutor() as pool:
            changes = dict(zip(_PAST, pool.map(self._one, _PAST), strict=True))
        return changes["checkout"]

    def _one(self, name: str) -> str:
        owner, artifacts, work = _PAST[name]
        (self._folder / "products" / f"{name}.yaml").write_text(_PRODUCT % (name, owner, artifacts))
        layout = Layout(self._folder / "registries" / name)
        for number, content in enumerate([*VERSIONS.values()] * 2):
            _publish(layout, name, number, content | {"release": number, "of": name})
        return work(Team(self._folder, name, self._tokens))


def _publish(layout: Layout, name: str, number: int, content: dict[str, Any]) -> None:
    """Publish a version as its build does: with its commit, and a list of its packages."""
    commit = hashlib.sha256(f"{name} {number}".encode()).hexdigest()[:40]
    source = {"source": f"https://github.com/acme/{name}", "revision": commit}
    digest = layout.publish(f"v1.4.{number}", content, **source)
    packages = [("openssl", "3.0.8"), ("zlib", "1.2.13" if number < 3 else "1.3.1")]
    listed = [{"type": "library", "name": each, "version": version} for each, version in packages]
    layout.attach(digest, _SBOM, {"bomFormat": "CycloneDX", "components": listed})


class Team:
    """The people of one product."""

    def __init__(self, folder: Path, product: str, tokens: Mapping[str, str]) -> None:
        self._tokens = tokens
        self._product = product
        self._run = Shell(folder, shown=False).run
        self._registry = folder / "registries" / product

    def do(self, command: str, code: int = 0, who: str = "alice") -> str:
        command = f"floe platform {command} --product {self._product} --manifest floe.yaml"
        return self._run("", command, code, token=self._tokens[who])

    def release(self, version: str) -> None:
        """Bring a version to prod."""
        change = self.ask(version)
        self.do(f"approve {change}", 14, who="carol")
        self.do(f"approve {change}", who="bob")

    def ask(self, version: str) -> str:
        """Bring a version to staging, and ask for prod; returns the change that waits."""
        self.do(f"promote {version} --to staging")
        return change_in(self.do(f"promote {version} --to prod", 14))

    def waive(self, vulnerability: str, reason: str) -> None:
        """Waive a vulnerability in prod for a month."""
        until = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
        terms = f"--env prod --until {until} --reason '{reason}'"
        change = change_in(self.do(f"waive {vulnerability} {terms}", 14))
        self.do(f"approve {change}", 14, who="carol")
        self.do(f"approve {change}", who="bob")

    def move_by_hand(self, tag: str, to: str) -> None:
        """Move a tag as another tool could; the page then shows it as drifted."""
        index = self._registry / "index.json"
        document = json.loads(index.read_text())
        by_name = {each.get("annotations", {}).get(_NAME): each for each in document["manifests"]}
        by_name[tag]["digest"], by_name[tag]["size"] = by_name[to]["digest"], by_name[to]["size"]
        index.write_text(json.dumps(document))


def _no_work(_team: Team) -> str:
    return ""


def _tested(team: Team) -> str:
    team.do("promote v1.4.3 --to staging")
    return ""


def _released(team: Team) -> str:
    team.release("v1.4.2")
    return ""


def _waiting(team: Team) -> str:
    return team.ask("v1.4.2")


def _locked(team: Team) -> str:
    team.do("promote v1.4.3 --to staging")
    team.do("lock --env prod --reason 'INC-60: payments are slow' --for 4h")
    return ""


def _drifted(team: Team) -> str:
    team.do("promote v1.4.2 --to staging")
    team.move_by_hand("latest-staging", "v1.4.0-dev")
    return ""


def _failed(team: Team) -> str:
    team.do("promote v1.4.2 --to staging", 8)
    return ""


def _checkout(team: Team) -> str:
    team.release("v1.4.1")
    team.release("v1.4.2")
    team.do("rollback v1.4.1 --env prod --reason 'INC-41: checkout answers with 5xx'")
    team.do("promote v1.4.3 --to staging")
    team.do("promote v1.4.3 --to prod", 12, who="carol")
    team.waive("CVE-2021-45105", "the lookup is turned off until log4j 2.17 is tested")
    change = team.ask("v1.4.4")
    team.do(f"approve {change}", 14, who="carol")
    reason = "INC-57: checkout is slow. Nothing goes to staging until the load test has ended."
    team.do(f"lock --env staging --reason '{reason}' --for 2h", who="bob")
    team.move_by_hand("latest-staging", "v1.4.0-dev")
    return change


# Each product: its owner, the settings in its file, and the work of its team.
_PAST: Mapping[str, tuple[str, str, Callable[[Team], str]]] = {
    "billing": ("team-payments", "", _waiting),
    "cart": ("team-shop", "", _released),
    "catalog": ("team-shop", "", _drifted),
    "checkout": ("team-payments", "", _checkout),
    "invoices": ("team-payments", "", _locked),
    "mailer": ("team-platform", _WRONG, _no_work),
    "pricing": ("team-shop", _FAILS, _failed),
    "profiles": ("team-platform", "", _tested),
    "reports": ("team-data", _NOWHERE, _no_work),
    "search": ("team-data", _FREEZE, _tested),
    "shipping": ("team-shop", "", _no_work),
    "stock": ("team-shop", "", _waiting),
}
