"""The page that compares two versions."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from engine.adapters.registry.layout.files import locked
from tests.builders import Artifact, image, referrer
from tests.peers import oci_layout
from tests.scenarios.together import product
from tests.web.browser import PHONE, page_of, violations
from tests.web.company import APPROVED, BOB, MEMBERS, company
from tests.web.serving import serving
from tests.web.stage import PROXY, Stage, stage_in
from tests.web.test_delta import report

pytestmark = pytest.mark.requirement("WB-001")
SOURCE = "https://github.com/acme/shop"


def publish(stage: Stage, version: str, revision: str, **packages: str) -> None:
    """Publish a version with a commit, a configuration and an SBOM of `packages`."""
    settings = {"product": {"id": "shop", "name": "Shop"}, "workers": version}
    artifact = image(
        json.dumps(settings).encode(),
        layer_type="application/json",
        annotations={
            "org.opencontainers.image.source": SOURCE,
            "org.opencontainers.image.revision": revision,
        },
    )
    stage.publish(version, artifact=artifact)
    attach(stage, artifact, packages)


def attach(stage: Stage, artifact: Artifact, packages: dict[str, str]) -> None:
    components = [{"type": "library", "name": n, "version": v} for n, v in packages.items()]
    sbom = json.dumps({"bomFormat": "CycloneDX", "components": components}).encode()
    attached = referrer(artifact.manifest, "application/vnd.cyclonedx+json", sbom)
    with locked(stage.folder / "registry"):
        oci_layout.write(stage.folder / "registry", attached)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """v1.0.0 and v1.1.0 are in staging one after the other; v1.2.0 was only published."""
    scan = f"command: [cat, '{tmp_path}/report.json']"
    commands = 'gate_commands: {tests: "true"}'
    edit = (commands, f"gates: {{security_scan: {{{scan}}}}}\n    {commands}")
    with stage_in(tmp_path, edit=edit) as stage:
        publish(stage, "v1.0.0", "a" * 40, openssl="3.0.1", zlib="1.3")
        publish(stage, "v1.1.0", "b" * 40, openssl="3.0.2", curl="8.1")
        stage.publish("v1.2.0")
        for version, ids in (("v1.0.0", ("CVE-1",)), ("v1.1.0", ("CVE-2", "CVE-3"))):
            report(tmp_path, *ids)
            stage.ask(version, "staging")
        yield stage


def test_page_is_bounded_for_a_hostile_manifest(stage: Stage) -> None:
    honest = image(b"9", annotations={"note": "n" * 100_000}).manifest
    layer_size = honest.content.replace(b'"size":1}', b'"size":1' + b"0" * 400 + b"}")
    hostile = Artifact(replace(honest, content=layer_size), (b"{}", b"9"))
    stage.publish("v1.9.0", artifact=hostile)
    stage.publish("v1.9.1", artifact=image(b"8", annotations={"note": "n" * 100_000}))

    assert "more than 1 EiB" in stage.get("/diff/v1.1.0..v1.9.0")
    page = stage.get("/diff/v1.1.0..v1.9.1")
    assert ("nnn…" in page, len(page) < 50_000) == (True, True)


def test_page_compares_vulnerabilities_packages_commits_and_content(stage: Stage) -> None:
    page = stage.get("/diff/v1.0.0..v1.1.0")

    assert "2 new, 1 fixed and 0 unchanged" in page
    assert page.index("CVE-2") < page.index("Fixed <small>") < page.index("CVE-1<")
    assert "1 added, 1 removed and 1 with another version" in page
    assert '<td class="any">openssl</td><td class="any">3.0.1</td>' in page
    assert f'<a href="{SOURCE}/compare/{"a" * 40}...{"b" * 40}" rel="noreferrer">' in page
    assert "<td>no environment</td><td>staging</td>" in page
    assert "&lt;b&gt;" in page and "<b>" not in page


def test_missing_scan_and_sbom_are_named(stage: Stage) -> None:
    page = stage.get("/diff/v1.1.0..v1.2.0")

    assert "<li>no scan is kept for v1.2.0</li>" in page
    assert "<li>no SBOM is attached to v1.2.0</li>" in page
    assert "both versions need a scan" in page and "both versions need an SBOM" in page


def test_same_artifact_has_no_differences(stage: Stage) -> None:
    assert "the same artifact" in stage.get("/diff/v1.1.0..v1.1.0")


def test_form_leads_to_the_stable_address(stage: Stage) -> None:
    answer = stage.client.get("/diff?from=v1.0.0&to=+v1.1.0")

    assert (answer.status_code, answer.location) == (303, "/diff/v1.0.0..v1.1.0")


def test_address_without_versions_shows_the_form(stage: Stage) -> None:
    page = stage.get("/diff")

    assert "Compare two versions" in page
    assert '<form class="compare" method="get" action="/diff">' in page


@pytest.mark.parametrize(
    ("place", "status", "said"),
    [
        ("/diff/v1.0.0..latest", 400, "is a tag that moves"),
        ("/diff/v1.0.0..v9.9.9", 404, "There is no v9.9.9"),
        ("/diff/v1.0.0", 404, "No page has this address"),
        ("/diff?from=v1.0.0", 400, "Name two versions to compare"),
        ("/diff?from=v1.0.0&to=//evil", 400, "is not a version"),
    ],
)
def test_wrong_addresses_are_refused(stage: Stage, place: str, status: int, said: str) -> None:
    answer = stage.client.get(place)

    assert answer.status_code == status
    assert said in answer.text


def test_history_and_change_link_to_the_page(stage: Stage) -> None:
    history = stage.get("/history")
    waiting = stage.ask("v1.1.0", "prod")
    change = stage.get(f"/changes/{waiting.id}")
    second = stage.platform.store.recent(2)[1]

    assert history.count('href="/diff/v1.0.0..v1.1.0"') == 2
    assert 'value="v1.1.0"' in history
    assert "/diff/" not in change
    assert 'href="/diff/v1.0.0..v1.1.0"' in stage.get(f"/changes/{second.id}")


def test_api_has_the_differences_of_the_page(stage: Stage) -> None:
    found = stage.json("/api/v1/diff?from=v1.0.0&to=v1.1.0")

    versions = [
        (each["version"], each["environments"]) for each in (found["before"], found["after"])
    ]
    assert versions == [("v1.0.0", []), ("v1.1.0", ["staging"])]
    delta, content = found["delta"], found["content"]
    assert [each["id"] for each in delta["vulnerabilities"]["fixed"]] == ["CVE-1"]
    assert (delta["vulnerabilities"]["new_count"], delta["packages"]["added_count"]) == (2, 1)
    assert delta["compare_url"] == f"{SOURCE}/compare/{'a' * 40}...{'b' * 40}"
    assert [each["change"] for each in content["layers"]] == ["altered"]
    assert [each["name"] for each in content["annotations"]] == [
        "org.opencontainers.image.revision"
    ]
    assert stage.json("/api/v1/diff?from=v1.1.0&to=v1.1.0")["identical"] is True


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("from=v1.0.0&to=latest", 400, "is a tag that moves"),
        ("from=v1.0.0", 400, "Name two versions to compare: ?from=v1.2.0&to=v1.3.0"),
        ("from=v1.0.0&to=v9.9.9", 404, "There is no v9.9.9"),
    ],
)
def test_api_refuses_what_the_page_refuses(
    stage: Stage, query: str, status: int, said: str
) -> None:
    answer = stage.client.get(f"/api/v1/diff?{query}")

    assert answer.status_code == status
    assert said in answer.json["error"]["message"]


def test_strangers_get_no_comparison(tmp_path: Path) -> None:
    with stage_in(tmp_path, PROXY) as stage:
        stage.publish("v1.0.0")
        answer = stage.client.get("/diff/v1.0.0..v1.0.0")
        of_api = stage.client.get("/api/v1/diff?from=v1.0.0&to=v1.0.0")

    assert of_api.status_code == 401
    assert answer.status_code == 303
    assert answer.location.startswith("/sign-in")


def test_pages_of_hidden_products_do_not_exist(tmp_path: Path) -> None:
    shop_of_bob = product(tmp_path, "checkout", "prod", rules=APPROVED)
    with company(replace(shop_of_bob, web=MEMBERS), web=MEMBERS) as shop:
        shown = shop.get("/p/checkout/diff/v1.0.0..v1.0.0", BOB)
        shop.get("/p/checkout/diff/v1.0.0..v1.0.0", "stranger", 404)
        place = "/api/v1/products/checkout/diff?from=v1.0.0&to=v1.0.0"
        identical = shop.json(place, BOB)["identical"]
        shop.json(place, "stranger", 404)

    assert "the same artifact" in shown
    assert identical is True


def test_page_is_accessible_on_a_phone_too(browser: Browser, stage: Stage, axe: str) -> None:
    with serving(stage.app) as url:
        for scheme in ("light", "dark"):
            with page_of(browser, url, viewport=PHONE, color_scheme=scheme) as page:
                assert violations(page, "/diff/v1.0.0..v1.1.0", axe) == []
                assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        with page_of(browser, url) as page:
            page.goto("/history")
            page.get_by_role("button", name="Compare").click()
            expect(page.get_by_role("heading", level=1)).to_have_text("v1.1.0 → v1.2.0")
