"""The pages and the API of a server that reads its product files again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from flask.testing import FlaskClient

from engine.bootstrap import open_products
from engine.config import load_installation
from engine.config.people import Web
from engine.ports.telemetry import NO_METRICS
from tests.config.server_files import write_server
from tests.scenarios.changing import until
from tests.scenarios.test_reload import RULES, write
from tests.web.company import MEMBERS, PROXY
from tests.web.stage import signed_in
from web.lifecycle import open_web

OPERATOR, OTHER = "carol", "alice"


@contextmanager
def serving(folder: Path, *names: str, web: Web = PROXY) -> Iterator[FlaskClient]:
    """A browser of a server whose files `POST /-/reload` reads again."""
    server = write_server(folder, RULES, f"identity: {{operators: [{OPERATOR}]}}\n")
    for name in names:
        write(folder, name)
    read = partial(load_installation, server, {})
    found = read()
    with (
        open_products(
            found.products, NO_METRICS, several=True, server=found.server, read=read
        ) as products,
        open_web(products, replace(found.server, web=web)) as app,
        app.test_client() as client,
    ):
        yield client


def reload(client: FlaskClient, who: str | None = OPERATOR, token: str | None = None) -> int:
    """Ask for a reload as a form of the page does; returns the HTTP status."""
    page = client.get("/", headers=signed_in(who)).text
    found = page.partition('name="csrf" value="')[2][:64]
    data = {"csrf": found if token is None else token}
    return client.post("/-/reload", data=data, headers=signed_in(who)).status_code


def states(client: FlaskClient) -> dict[str, str]:
    listed = client.get("/api/v1/products", headers=signed_in(OPERATOR)).json
    return {each["product"]: each["state"] for each in listed}


def break_all(client: FlaskClient, folder: Path) -> None:
    """Replace the file of checkout by a wrong one of another product, and wait until it ends."""
    (folder / "products" / "checkout.yaml").unlink()
    (folder / "products" / "other.yaml").write_text("kind: Mani")
    assert reload(client) == 200
    assert until(lambda: set(states(client)) == {"other"}, 60)


def test_operator_reloads_and_sees_the_new_product(tmp_path: Path) -> None:
    with serving(tmp_path, "checkout") as client:
        write(tmp_path, "billing")

        status = reload(client)

        assert status == 200
        assert set(states(client)) == {"billing", "checkout"}
        assert client.get("/p/billing/", headers=signed_in(OPERATOR)).status_code == 200
        assert until(lambda: states(client)["billing"] == "ready", 60)


def test_replaced_product_is_read_with_its_new_settings(tmp_path: Path) -> None:
    with serving(tmp_path, "checkout") as client:
        write(tmp_path, "checkout", registry="elsewhere")

        assert reload(client) == 200

        page = client.get("/p/checkout/", headers=signed_in(OPERATOR)).text
        assert "elsewhere" in page


def test_product_whose_file_became_wrong_is_shown_as_broken_and_works(tmp_path: Path) -> None:
    with serving(tmp_path, "checkout") as client:
        (tmp_path / "products" / "checkout.yaml").write_text("kind: Mani")

        assert reload(client) == 200

        assert states(client) == {"checkout": "broken"}
        assert "broken file" in client.get("/", headers=signed_in(OPERATOR)).text
        assert client.get("/p/checkout/", headers=signed_in(OPERATOR)).status_code == 200
        ready = client.get("/readyz").json
        assert ready["products"] == {"checkout": "its file is wrong"}


def test_removed_product_disappears(tmp_path: Path) -> None:
    with serving(tmp_path, "billing", "checkout") as client:
        (tmp_path / "products" / "checkout.yaml").unlink()

        assert reload(client) == 200

        assert until(lambda: set(states(client)) == {"billing"}, 60)
        assert client.get("/p/checkout/", headers=signed_in(OPERATOR)).status_code == 404


def test_other_people_cannot_reload(tmp_path: Path) -> None:
    with serving(tmp_path, "checkout") as client:
        write(tmp_path, "billing")

        refused = [reload(client, OTHER), reload(client, None)]

        assert refused == [403, 401]
        assert set(states(client)) == {"checkout"}


def test_reload_without_any_product_file_closes_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, "checkout") as client:
        (tmp_path / "products" / "checkout.yaml").unlink()

        assert reload(client) >= 400

        assert set(states(client)) == {"checkout"}
        assert client.get("/p/checkout/", headers=signed_in(OPERATOR)).status_code == 200


def test_only_operators_reload_where_no_product_is_open(tmp_path: Path) -> None:
    with serving(tmp_path, "checkout") as client:
        break_all(client, tmp_path)

        assert [reload(client, OTHER), reload(client)] == [403, 200]


def test_only_operators_see_broken_products_where_no_product_is_open(tmp_path: Path) -> None:
    with serving(tmp_path, "checkout", web=MEMBERS) as client:
        break_all(client, tmp_path)

        assert client.get("/api/v1/products", headers=signed_in(OTHER)).json == []
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json["products"]) == (503, {"other": "its file is wrong"})


def test_reload_needs_the_token_of_a_form(tmp_path: Path) -> None:
    with serving(tmp_path, "checkout") as client:
        write(tmp_path, "billing")

        refused = reload(client, token="")

        assert refused == 403
        assert set(states(client)) == {"checkout"}


def test_wrong_server_file_is_an_answer(tmp_path: Path) -> None:
    with serving(tmp_path, "checkout") as client:
        (tmp_path / "floe.yaml").write_text("kind: Serv")

        assert reload(client) >= 400

        assert set(states(client)) == {"checkout"}
