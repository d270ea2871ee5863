"""People who are removed from the server file lose their rights on the page and in the API."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from engine.bootstrap import open_products
from engine.config import load_installation
from engine.domain.change import ChangeState
from engine.platform import Products
from engine.ports import NO_PROGRESS
from engine.ports.telemetry import NO_METRICS
from tests.builders import image
from tests.config.server_files import write_product, write_server
from tests.peers import oci_layout
from tests.peers.fake_issuer import FakeIssuer
from tests.peers.signing import SigningKey, claims
from tests.scenarios.changing import until
from tests.scenarios.together import submit
from tests.web.stage import signed_in
from web.lifecycle import open_web

BOB, CAROL = "bob@acme.com", "carol@acme.com"
KEY = SigningKey.new()
PATH = """
promotion:
  environments: [{name: dev}, {name: staging, authorization: {}%s}]
"""
REQUIRED = ", approvals: {required: 1, groups: [managers]}"
BY_ROLE = ", approvals: {required: 1}"
IDENTITY = """
identity:
  groups: {managers: [%s]}
  lockers: [managers]
  operators: [managers]
  roles: [{role: approver, groups: [managers]}, {role: operator, operators: [alice]}]
  oidc: [%s]
web: {auth: {mode: proxy}}
"""


@dataclass(frozen=True)
class Server:
    """A server whose files can be changed, and a browser."""

    folder: Path
    products: Products
    client: FlaskClient
    issuer: str
    rules: str

    def reload(self, *managers: str, issuers: str | None = None) -> None:
        write_files(self.folder, self.rules, managers, issuers or issuer_of(self.issuer))
        self.products.reload()

    def form(self, path: str, page: str, who: str, **fields: str) -> TestResponse:
        """Send a form of `page` as `who` through the proxy."""
        found = self.client.get(page, headers=signed_in(who)).text
        token = found.partition('name="csrf" value="')[2][:64]
        return self.client.post(path, data={"csrf": token, **fields}, headers=signed_in(who))

    def call(self, path: str, who: str, **body: str) -> TestResponse:
        """Call the API with a token of `who`."""
        said = claims(self.issuer, sub=who, email=who, email_verified=True)
        headers = {"Authorization": f"Bearer {KEY.sign(said)}"}
        return self.client.post(f"/api/v1{path}", json=body, headers=headers)

    def waiting(self) -> str:
        """The id of a promotion that waits for a manager."""
        platform = self.products["checkout"]
        change = platform.progression.settle(submit(platform, "staging"), NO_PROGRESS)
        assert change.state is ChangeState.AWAITING_APPROVAL
        return change.id

    def state(self, change_id: str) -> ChangeState:
        change = self.products.store.get(change_id)
        assert change is not None
        return change.state

    def is_locked(self) -> bool:
        [row] = self.products["checkout"].engine.status("staging")
        return row.lock is not None


def issuer_of(address: str) -> str:
    return f"{{issuer: '{address}', audience: floe, operator_claim: email}}"


def write_files(folder: Path, rules: str, managers: tuple[str, ...], issuers: str) -> None:
    write_server(folder, PATH % rules, IDENTITY % (", ".join(managers), issuers))


@contextmanager
def serving(folder: Path, rules: str = REQUIRED) -> Iterator[Server]:
    with FakeIssuer(KEY) as issuer:
        write_files(folder, rules, (BOB, CAROL), issuer_of(issuer.issuer))
        for name in ("billing", "checkout"):
            write_product(folder, name, f"artifacts: {{registry: {{uri: 'oci-layout:../{name}'}}}}")
            oci_layout.write(folder / name, image(name.encode()), "v1.0.0-dev")
        read = partial(load_installation, folder / "floe.yaml", {})
        found = read()
        with (
            open_products(
                found.products, NO_METRICS, several=True, server=found.server, read=read
            ) as products,
            open_web(products, found.server, working=False) as app,
            app.test_client() as client,
        ):
            yield Server(folder, products, client, issuer.issuer, rules)


@pytest.mark.parametrize("removed", [False, True])
@pytest.mark.parametrize("rules", [REQUIRED, BY_ROLE])
def test_removed_approver_no_longer_approves(tmp_path: Path, removed: bool, rules: str) -> None:
    """Also where the file of the product was removed in the same reload."""
    with serving(tmp_path, rules) as server:
        change = server.waiting()
        place = f"/p/checkout/changes/{change}"
        if removed:
            (tmp_path / "products" / "checkout.yaml").unlink()

        server.reload(CAROL)
        form = server.form(f"{place}/approve", "/p/checkout/", BOB)
        call = server.call(f"/changes/{change}/approve", BOB)

        assert (form.status_code, call.status_code) == (403, 403)
        assert server.state(change) is ChangeState.AWAITING_APPROVAL
        assert server.call(f"/changes/{change}/approve", CAROL).status_code == 202


def test_product_without_a_file_follows_people_until_it_is_closed(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        change = server.waiting()
        (tmp_path / "products" / "checkout.yaml").unlink()
        server.reload(BOB, CAROL)

        server.reload(CAROL)
        refused = server.call(f"/changes/{change}/approve", BOB)
        server.call(f"/changes/{change}/cancel", CAROL)

        assert refused.status_code == 403
        assert until(lambda: "checkout" not in server.products, 60)


def test_removed_locker_no_longer_locks(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.reload(CAROL)

        page = "/p/checkout/environments/staging"
        server.form(f"{page}/lock", page, BOB, reason="INC-7")
        call = server.call("/products/checkout/environments/staging/lock", BOB, reason="INC-7")

        assert call.status_code == 403
        assert not server.is_locked()
        allowed = server.call("/products/checkout/environments/staging/lock", CAROL, reason="INC-7")
        assert allowed.status_code == 200
        assert server.is_locked()


def test_removed_operator_no_longer_reloads(tmp_path: Path) -> None:
    """Also where no product is open, so that the server file alone decides."""
    with serving(tmp_path) as server:
        for name in ("billing", "checkout"):
            (tmp_path / "products" / f"{name}.yaml").write_text("kind: Mani")

        server.reload(CAROL)

        assert not server.products
        assert server.form("/-/reload", "/", BOB).status_code == 403
        assert server.form("/-/reload", "/", CAROL).status_code == 200


def test_tokens_of_a_removed_issuer_are_refused(tmp_path: Path) -> None:
    with serving(tmp_path) as server, FakeIssuer(KEY) as other:
        path = "/products/checkout/environments/staging/lock"

        server.reload(CAROL, issuers=issuer_of(other.issuer))

        assert server.call(path, CAROL, reason="INC-7").status_code == 401
        assert not server.is_locked()
