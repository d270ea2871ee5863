"""Servers with several products, and their page."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from engine.bootstrap import open_products
from engine.config import Config
from engine.config.people import Web
from engine.domain.change import Change
from engine.domain.errors import ConfigError
from engine.domain.parsing import parse_lock_request
from engine.platform import Products
from engine.ports import NO_PROGRESS
from engine.ports.telemetry import NO_METRICS, Metrics
from tests.scenarios.together import product, someone, submit
from tests.web.stage import TRACE, signed_in
from web.lifecycle import open_web
from web.site import Site

BOB = "bob"
PROXY = Web.model_validate({"auth": {"mode": "proxy"}})
MEMBERS = Web.model_validate({"auth": {"mode": "proxy"}, "visibility": "members"})
APPROVED = ", approvals: {required: 1, groups: [managers]}"
_TOKEN = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


@dataclass(frozen=True)
class Company:
    """A server with several products. `client` is a browser without JavaScript."""

    products: Products
    app: Flask
    client: FlaskClient

    def site(self, name: str) -> Site:
        site: Site = self.app.extensions["floe"].sites[name]
        return site

    def get(self, path: str, who: str | None = BOB, status: int = 200) -> str:
        answer = self.client.get(path, headers=signed_in(who))
        assert answer.status_code == status, answer.text
        return answer.text

    def json(self, path: str, who: str | None = BOB, status: int = 200) -> Any:
        answer = self.client.get(path, headers=signed_in(who))
        assert answer.status_code == status, answer.text
        return answer.json

    def post(self, path: str, page: str, who: str = BOB, **fields: str) -> Any:
        """Send a form with the token of `page`."""
        found = _TOKEN.search(self.get(page, who))
        data = {"csrf": found[1] if found else "", **fields}
        return self.client.post(path, data=data, headers=signed_in(who))

    def ask(self, name: str, target: str = "prod") -> Change:
        """Submit a promotion and carry it out as far as possible."""
        platform = self.products[name]
        return platform.progression.settle(submit(platform, target), NO_PROGRESS)

    def lock(self, name: str, target: str = "prod") -> None:
        engine = self.products[name].engine
        who = someone(self.products[name])
        result = engine.run(
            parse_lock_request(engine.path, target, who, TRACE, "INC-7: down", None), NO_PROGRESS
        )
        assert result.error is None

    def read(self) -> None:
        """Read all products now."""
        for name in self.products:
            self.site(name).board.refresh()
            self.site(name).records.refresh()


@contextmanager
def company(
    *configs: Config,
    web: Web = PROXY,
    broken: dict[str, str] | None = None,
    working: bool = True,
    metrics: Metrics = NO_METRICS,
) -> Iterator[Company]:
    by_name = {config.product: config for config in configs}
    errors = {name: ConfigError(why) for name, why in (broken or {}).items()}
    server = replace(configs[0], web=web)
    with (
        open_products(by_name, metrics, several=True, broken=errors) as products,
        open_web(products, server, working=working) as app,
        app.test_client() as client,
    ):
        yield Company(products, app, client)


@contextmanager
def three_products(folder: Path, *, working: bool = True) -> Iterator[Company]:
    """Three products: two with owners, one of which needs approvals, and a broken file."""
    checkout = replace(product(folder, "checkout", "prod", rules=APPROVED), owner="Payments")
    ledger = replace(product(folder, "ledger", "staging", "prod"), owner="Finance")
    search = product(folder, "search", "prod")
    broken = {"basket": "basket.yaml:3: artifacts: is missing"}
    with company(checkout, ledger, search, broken=broken, working=working) as running:
        yield running


def rows(page: str) -> dict[str, str]:
    """Return the text of each row of the table, by product."""
    table = page.partition("<thead")[2]
    found = re.findall(r'<tr role="row"><th [^>]*scope="row">(.*?)</tr>', table, re.DOTALL)
    return {str(text).split()[0]: text for text in (words(each) for each in found)}


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).replace("☆", "").replace("★", "").split())
