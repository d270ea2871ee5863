"""Systems that deploy ask whether an artifact may run, and get no wrong yes."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.domain.parsing import parse_rollback_request
from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.together import product
from tests.web.company import MEMBERS, company, three_products
from tests.web.stage import ALICE, PROXY, TRACE, Stage, person, signed_in, stage_in
from web.lifecycle import _look

DIGESTS = {
    version: str(image(version.encode()).manifest.digest) for version in ("v1.0.0", "v1.1.0")
}
UNKNOWN = "sha256:" + "0" * 64


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A platform with two versions in staging, one after the other."""
    with stage_in(tmp_path) as running:
        running.publish("v1.0.0", "v1.1.0")
        running.ask("v1.0.0", "staging")
        running.ask("v1.1.0", "staging")
        yield running


def verdict(stage: Stage, digest: str, environment: str = "staging") -> Any:
    stage.site.records.refresh()
    return stage.json(f"/api/v1/verdict?env={environment}&digest={digest}")


def test_running_version_is_promoted_and_current(stage: Stage) -> None:
    found = verdict(stage, DIGESTS["v1.1.0"])

    running = stage.json("/api/v1/status")[1]
    assert found.pop("read_at").endswith("Z")
    assert found == {
        "environment": "staging",
        "digest": DIGESTS["v1.1.0"],
        "promoted": True,
        "current": True,
        "quarantined": False,
        "version": "v1.1.0",
        "record": running["record"],
        "reasons": [],
    }


def test_earlier_version_is_promoted_and_not_current(stage: Stage) -> None:
    found = verdict(stage, DIGESTS["v1.0.0"])

    assert (found["promoted"], found["current"], found["version"]) == (True, False, "v1.0.0")
    assert found["reasons"] == ["staging should run v1.1.0, not v1.0.0"]


def test_version_of_another_environment_is_not_promoted(stage: Stage) -> None:
    found = verdict(stage, DIGESTS["v1.1.0"], "prod")

    assert (found["promoted"], found["current"], found["record"]) == (False, False, None)
    assert found["reasons"] == [f"{DIGESTS['v1.1.0'][:19]} was never promoted to prod"]


def test_unknown_digest_is_an_answer_and_no_error(stage: Stage) -> None:
    found = verdict(stage, UNKNOWN)

    assert (found["promoted"], found["current"], found["quarantined"]) == (False, False, False)


def test_version_that_was_rolled_back_is_quarantined(stage: Stage) -> None:
    path, who = stage.platform.engine.path, person(stage.platform, ALICE)
    request = parse_rollback_request(path, "v1.0.0", "staging", who, TRACE, "INC-2: slow")
    stage.run(replace(request, quarantine=True))

    left, running = verdict(stage, DIGESTS["v1.1.0"]), verdict(stage, DIGESTS["v1.0.0"])

    assert (left["promoted"], left["current"], left["quarantined"]) == (True, False, True)
    assert "v1.1.0 is quarantined in staging by alice@acme.com" in left["reasons"][0]
    assert (running["current"], running["reasons"]) == (True, [])


def test_unreadable_ledger_admits_nothing(stage: Stage) -> None:
    assert verdict(stage, DIGESTS["v1.1.0"])["promoted"]
    oci_layout.lose(stage.folder / "registry", "floe-head.staging")

    found = verdict(stage, DIGESTS["v1.1.0"])

    assert (found["promoted"], found["current"], found["quarantined"]) == (False, None, None)
    assert found["reasons"][0].startswith("The ledger of staging cannot be read: ")


def test_shortened_ledger_admits_nothing(stage: Stage) -> None:
    layout = stage.folder / "registry"
    index = (layout / "index.json").read_bytes()
    stage.ask("v1.0.0", "prod")
    stage.roll_back("v1.0.0", "staging")
    assert verdict(stage, DIGESTS["v1.0.0"])["current"]
    (layout / "index.json").write_bytes(index)

    found = verdict(stage, DIGESTS["v1.1.0"])

    assert not found["promoted"]
    assert "it was shortened or rewritten" in found["reasons"][0]


def test_unknown_environment_is_not_found(stage: Stage) -> None:
    answer = stage.client.get(f"/api/v1/verdict?env=moon&digest={UNKNOWN}")

    assert answer.status_code == 404
    said = "There is no environment 'moon'. Environments: dev, staging, prod"
    assert answer.json["error"]["message"] == said


@pytest.mark.parametrize("digest", ["", "sha256:0000", "latest", f"{UNKNOWN}0"])
def test_part_of_a_digest_is_refused(stage: Stage, digest: str) -> None:
    answer = stage.client.get(f"/api/v1/verdict?env=prod&digest={digest}")

    assert answer.status_code == 400
    assert "write sha256: and 64 hex digits" in answer.json["error"]["message"]


def test_strangers_get_no_verdict(tmp_path: Path) -> None:
    with stage_in(tmp_path, PROXY) as stage:
        asked = f"/api/v1/verdict?env=prod&digest={UNKNOWN}"

        assert stage.client.get(asked).status_code == 401
        assert stage.client.get(asked, headers=signed_in(ALICE)).status_code == 200


def test_hidden_product_has_no_verdict(tmp_path: Path) -> None:
    other = product(tmp_path, "search", "prod")
    config = replace(product(tmp_path, "checkout", "prod"), web=MEMBERS)

    with company(config, other, web=MEMBERS, working=False) as shop:
        shop.json(f"/api/v1/products/checkout/verdict?env=prod&digest={UNKNOWN}", "eve", 404)


def test_verdict_sends_no_request_to_the_registry(tmp_path: Path) -> None:
    digest = str(image(b"ledger").manifest.digest)
    asked = f"/api/v1/products/ledger/verdict?env=staging&digest={digest}"
    with three_products(tmp_path, working=False) as shop:
        shop.ask("ledger", "staging")
        assert "was not read yet" in shop.json(asked)["reasons"][0]
        shop.read()
        shutil.rmtree(tmp_path / "ledger" / "registry")

        assert shop.json(asked)["promoted"]


def test_registry_that_stops_answering_admits_nothing(tmp_path: Path) -> None:
    digest = str(image(b"ledger").manifest.digest)
    asked = f"/api/v1/products/ledger/verdict?env=staging&digest={digest}"
    registry, away = tmp_path / "ledger" / "registry", tmp_path / "away"
    with three_products(tmp_path, working=False) as shop:
        shop.ask("ledger", "staging")
        look = _look(shop.site("ledger"))
        look()
        assert shop.json(asked)["promoted"]

        registry.rename(away)
        look()
        gone = shop.json(asked)
        away.rename(registry)
        look()

        assert not gone["promoted"]
        assert shop.json(asked)["promoted"]
