"""A server of several products with one bot, and a fake Slack on loopback."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bot.app import run_bot
from bot.tokens import Tokens
from engine.bootstrap import open_products
from engine.config import load_installation
from engine.domain.change import Change, ChangeState
from engine.domain.operator import Operator
from engine.platform import Platform
from engine.ports.telemetry import NO_METRICS
from tests.bot.fake_slack import BOT_TOKEN, Json, fake_slack
from tests.bot.stage import ALICE, BOB, CAROL, DAVE, SECRET, Stage, promote
from tests.builders import image
from tests.peers import oci_layout

DEPLOYS, PAYMENTS = "C01DEPLOY", "C03PAY"
_SERVER = """
apiVersion: floe.dev/v1
kind: Server
products: ["products/*.yaml"]
identity:
  groups:
    developers: [alice@acme.com, dave@acme.com]
    release-managers: [bob@acme.com, carol@acme.com]
  lockers: [release-managers]
%(roles)s
slack: {channel: C01DEPLOY}
web: {base_url: "https://floe.acme.com", %(web)s}
"""
_PRODUCT = """
apiVersion: floe.dev/v1
kind: Manifest
metadata: {name: %(name)s}
%(slack)s
artifacts:
  registry: {%(registry)s}
  promotion:
    environments:
      - {name: dev}
      - {name: %(middle)s, gates: {tests: true}}
      - name: prod
        gates: {tests: true}
        authorization: {allowed_groups: [developers]}
        approvals: {required: %(required)d, groups: [release-managers], expires_after: 4h}
    gate_commands: {tests: "true"}
"""


@dataclass
class Company(Stage):
    """Products with v1.0.0 in their second environment, and their bot."""

    def start(self, *, worker: bool = True) -> None:
        read = partial(load_installation, self.folder / "floe.yaml", {})
        installation = read()
        opened = open_products(
            installation.products,
            NO_METRICS,
            several=True,
            broken=installation.broken,
            server=installation.server,
            read=read,
        )
        self.products = self.stack.enter_context(opened)
        self.platform = next(iter(self.products.values()))
        tokens = Tokens(BOT_TOKEN, (SECRET,), None, self.slack.url)
        self.bot = self.stack.enter_context(
            run_bot(self.products, installation.server, tokens, self.tempo)
        )
        if worker:
            self.products.worker.start()
            self.stack.callback(self.products.worker.stop)

    def stop(self) -> None:
        for platform in self.products.values():
            platform.engine.stop_gates()
        self.stack.close()

    def change_of(self, product: str, state: ChangeState) -> Change:
        """The newest change of `product`, once it is in `state`."""

        def there() -> Change | None:
            found = [c for c in self.products.store.recent(50) if c.product == product]
            return found[0] if found and found[0].state is state else None

        return self.eventually(there)

    def lock_of(self, product: str, environment: str = "prod") -> str | None:
        """The reason of the lock of an environment; None if it is not locked."""
        [row] = self.products[product].engine.status(environment)
        return row.lock.reason if row.lock else None

    def form(self) -> Json:
        """The newest form, once it is open."""
        return self.eventually(lambda: self.slack.views and self.slack.views[-1])


@contextmanager
def company_in(
    folder: Path,
    *products: str,
    slack: str = "",
    registries: Callable[[str], str] = lambda name: f"uri: oci-layout:./{name}",
    required: int = 1,
    web: str = "",
    roles: str = "",
    prepare: bool = True,
) -> Iterator[Company]:
    """
    Run the `products`; the first one has the lines `slack` in its file.

    `ledger` has the environment qa where others have staging. `registries` returns the settings of
    the registry of a product.
    """
    (folder / "floe.yaml").write_text(_SERVER % {"web": web, "roles": roles})
    _write(folder, products, slack, registries, required)
    with fake_slack() as fake:
        for user, person in ((ALICE, "alice"), (BOB, "bob"), (CAROL, "carol"), (DAVE, "dave")):
            fake.person(user, f"{person}@acme.com")
        company = Company(folder, fake)
        if prepare:
            for name in products:
                if "oci-layout" in registries(name):
                    artifact = image(name.encode())
                    oci_layout.write(folder / "products" / name, artifact, "v1.0.0-dev")
        company.start()
        try:
            for name in products if prepare else ():
                if "oci-layout" in registries(name):
                    _promote_once(company.products[name], company.operator("dave@acme.com"))
            yield company
        finally:
            company.stop()
            assert fake.refused == [], fake.refused


def _write(
    folder: Path,
    products: Sequence[str],
    slack: str,
    registries: Callable[[str], str],
    required: int,
) -> None:
    (folder / "products").mkdir()
    for place, name in enumerate(products):
        values = {
            "name": name,
            "slack": slack if place == 0 else "",
            "middle": "qa" if name == "ledger" else "staging",
            "registry": registries(name),
            "required": required,
        }
        file = folder / "products" / f"{place}-{name}.yaml"
        file.write_text(_PRODUCT % values)


def _promote_once(platform: Platform, operator: Operator) -> None:
    promote(platform, "v1.0.0", platform.engine.path.names[1], operator)
