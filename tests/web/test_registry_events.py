"""Registries that tell the server which repository changed."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis import GenerationMode

from engine.config.people import Web
from engine.config.validation_context import ManifestContext
from tests.builders import image
from tests.docs.pages import ROOT
from tests.peers.docker_registry import docker_registry
from tests.peers.loopback import free_port
from tests.peers.raw import push
from tests.scenarios.changing import until
from tests.scenarios.together import product
from tests.web.company import Company, company
from tests.web.serving import serving
from tests.web.test_description import send_requests

TOKEN = "t0ken-of-the-registry"
ADDRESS = "/-/registry-events"
EVENTS = Web.model_validate(
    {"registry_events": {"token_env": "TOKEN"}}, context=ManifestContext(Path(), {"TOKEN": TOKEN})
)


def docker(repository: str, action: str = "push") -> dict[str, Any]:
    event = {
        "id": "320678d8-ca14-430f-8bb6-4ca139cd83f7",
        "action": action,
        "target": {"repository": repository, "tag": "v1.0.0-dev", "length": 708},
        "request": {"host": "registry.internal:5000", "method": "PUT"},
    }
    return {"events": [event]}


def harbor(repository: str, kind: str = "PUSH_ARTIFACT") -> dict[str, Any]:
    project, _, name = repository.partition("/")
    resource = {"digest": "sha256:954b", "tag": "v1.0.0-dev"}
    described = {"name": name, "namespace": project, "repo_full_name": repository}
    return {
        "type": kind,
        "occur_at": 1680501893,
        "operator": "robot$ci",
        "event_data": {"resources": [resource], "repository": described},
    }


def cloud_event(repository: str, kind: str = "harbor.artifact.pushed") -> dict[str, Any]:
    data = harbor(repository)["event_data"]
    return {"specversion": "1.0", "source": "/projects/1/webhook/1", "type": kind, "data": data}


def retention(project: str) -> dict[str, Any]:
    finished = {"retention": {"total": 2, "project_name": project, "result": "SUCCESS"}}
    return {"type": "TAG_RETENTION", "event_data": finished}


def send(shop: Company, body: object, token: str | None = TOKEN) -> int:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return shop.client.post(ADDRESS, data=content, headers=headers).status_code


def noticed(shop: Company) -> list[str]:
    found: list[str] = []
    server = shop.app.extensions["floe"]
    server.notice = found.append
    return found


@contextmanager
def two_products(folder: Path, web: Web = EVENTS) -> Iterator[Company]:
    registry = 'uri: "oci://127.0.0.1:1/acme/{}"'
    configs = [
        product(folder, name, "prod", registry=registry.format(name))
        for name in ("checkout", "search")
    ]
    with company(*configs, web=web, working=False) as running:
        yield running


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with two_products(tmp_path_factory.mktemp("events")) as running:
        yield running


def test_server_looks_when_a_real_registry_sends_its_events(tmp_path: Path) -> None:
    port = free_port()
    page = (ROOT / "docs" / "web.md").read_text()
    documented = re.search(r"```yaml\n(?:# .*\n)?(notifications:.*?)```", page, re.DOTALL)
    assert documented
    events = documented[1].replace("https://floe.acme.com", f"http://127.0.0.1:{port}")
    with docker_registry(tmp_path, more=events.replace("THE-TOKEN", TOKEN)) as peer:
        push(peer.host, "acme/checkout", image(b"checkout"), "v1.0.0-dev")
        registry = f'uri: "oci://{peer.host}/acme/checkout"'
        config = product(tmp_path, "checkout", "prod", registry=registry)
        with company(config, web=EVENTS) as shop, serving(shop.app, port):
            assert until(lambda: shop.site("checkout").records.read_at is not None)
            looked: list[str] = []
            shop.products.watch(looked.append)

            shop.lock("checkout")

            assert until(lambda: looked == ["checkout"])
            assert until(lambda: shop.site("checkout").board.last().rows[1].lock is not None)


@pytest.mark.parametrize(
    "body",
    [
        docker("acme/checkout"),
        docker("acme/checkout", "delete"),
        docker("acme/checkout")["events"][0],
        harbor("acme/checkout"),
        harbor("acme/checkout", "DELETE_ARTIFACT"),
        cloud_event("acme/checkout"),
    ],
)
def test_event_of_a_repository_is_for_its_product_alone(shop: Company, body: object) -> None:
    looks = noticed(shop)

    status = send(shop, body)

    assert (status, looks) == (202, ["checkout"])


def test_retention_is_for_all_products_of_the_project(shop: Company) -> None:
    looks = noticed(shop)

    statuses = send(shop, retention("acme")), send(shop, retention("other"))

    assert statuses == (202, 202)
    assert looks == ["checkout", "search"]


@pytest.mark.parametrize(
    "body",
    [
        docker("acme/checkout", "pull"),
        harbor("acme/checkout", "PULL_ARTIFACT"),
        cloud_event("acme/checkout", "harbor.artifact.pulled"),
        docker("acme/check"),
        docker("other/checkout"),
        docker(""),
        {"events": [7, None, {"target": "acme/checkout"}]},
        ["acme/checkout"],
        b"",
        b"\xff{",
        b"[" * 100_000,
    ],
)
def test_reads_and_unknown_content_have_no_effect(shop: Company, body: object) -> None:
    looks = noticed(shop)

    status = send(shop, body)

    assert (status, looks) == (202, [])


@pytest.mark.parametrize("token", [None, "", "wrong", f"{TOKEN}x", "tökén"])
def test_event_without_the_token_is_refused(shop: Company, token: str | None) -> None:
    looks = noticed(shop)

    status = send(shop, docker("acme/checkout"), token)

    assert (status, looks) == (401, [])


def test_large_event_is_refused(shop: Company) -> None:
    assert send(shop, b" " * 2**21) == 413


@pytest.mark.parametrize("token", [TOKEN, "wrong"])
def test_answers_to_events_are_in_the_description(shop: Company, token: str) -> None:
    schema = schemathesis.openapi.from_wsgi("/openapi.json", shop.app)
    schema.config.update(headers={"Authorization": f"Bearer {token}"})

    send_requests(schema[ADDRESS]["POST"], GenerationMode.POSITIVE)


def test_server_without_the_setting_has_no_such_address(tmp_path: Path) -> None:
    with two_products(tmp_path, Web()) as shop:
        assert send(shop, docker("acme/checkout")) == 404
