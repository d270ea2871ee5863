"""`floe platform waive`, `unwaive` and `waivers`, here and through a server."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest

from demo.seed import Layout
from docs.reference.outputs import outputs_schema
from tests.cli.serving import serving, write_manifest
from tests.peers.oidc_provider import OidcProvider, oidc_provider
from tests.scenarios.commands import Floe
from tests.waivers.kit import CVE, report

PROMOTION = """{environments: [{name: dev}, {name: prod, gates: {security_scan: {\
command: [cat, report.json], scanner_format: trivy}}}]}"""
JSON = ("--output", "json")
UNTIL = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
WAIVE = ("platform", "waive", CVE, "--env", "prod", "--until", UNTIL, "--reason", "not reachable")
UNWAIVE = ("platform", "unwaive", CVE, "--env", "prod", "--reason", "fixed")


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    """A platform whose prod has a scan gate that finds CVE-2026-1."""
    Layout(tmp_path / "registry").publish("v1.0.0", {"release": 1})
    (tmp_path / "report.json").write_text(report(CVE))
    return Floe.on("oci-layout:./registry", tmp_path, PROMOTION)


def test_without_approvals_a_waiver_takes_effect_at_once(floe: Floe) -> None:
    assert floe.promote("v1.0.0", "prod").code == 8

    done = floe.run(*WAIVE)
    assert (done.code, done.err) == (0, "")
    assert f"Waived {CVE} until {UNTIL} in prod\n  Reason: not reachable\n  Record: " in done.out

    promoted = floe.run("platform", "promote", "v1.0.0", "--to", "prod")
    assert promoted.code == 0
    assert f"1 waived until {UNTIL} by " in promoted.err
    assert f": {CVE}, not reachable" in promoted.err


def test_unwaive_blocks_again(floe: Floe) -> None:
    floe.run(*WAIVE)

    ended = floe.run(*UNWAIVE)

    assert ended.code == 0
    assert f"Ended: the waiver of {CVE} in prod" in ended.out
    assert floe.promote("v1.0.0", "prod").code == 8
    assert f"Unchanged: {CVE} is not waived in prod" in floe.run(*UNWAIVE).out


def test_json_answers_follow_the_schema(floe: Floe) -> None:
    schema = outputs_schema()
    answers = {
        "waive": floe.run(*WAIVE, *JSON),
        "waivers": floe.run("platform", "waivers", *JSON),
        "unwaive": floe.run(*UNWAIVE, *JSON),
    }

    for name, answer in answers.items():
        assert answer.code == 0, answer.err
        jsonschema.validate(answer.document, {**schema, "$ref": f"#/$defs/{name}"})
    assert answers["waive"].document["waiver"]["vulnerability"] == CVE
    [waiver] = answers["waivers"].document["waivers"]
    assert (waiver["environment"], waiver["package"]) == ("prod", None)
    assert answers["unwaive"].document["outcome"] == "unwaived"


def test_waivers_in_force_are_listed(floe: Floe) -> None:
    assert floe.run("platform", "waivers").out == "No waiver is in force\n"
    floe.run(*WAIVE)

    listed = floe.run("platform", "waivers", "--env", "prod")

    assert f"│ prod        │ {CVE}" in listed.out or f"prod {CVE}" in " ".join(listed.out.split())
    assert f"every package {UNTIL}" in " ".join(listed.out.split())


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("waive", "x", "--env", "prod", "--until", UNTIL, "--reason", "y"), "is not the ID of"),
        (("waive", CVE, "--env", "prod", "--until", "soon", "--reason", "y"), "is not the end of"),
        (("waive", CVE, "--env", "moon", "--until", UNTIL, "--reason", "y"), "moon"),
        (("waive", CVE, "--env", "prod", "--until", UNTIL, "--reason", " "), "the reason is empty"),
        (
            ("waive", CVE, "--package", "pkg:", "--env", "prod", "--until", UNTIL, "--reason", "y"),
            "is not a package",
        ),
        (("waive", CVE, "--env", "prod", "--until", "2020-01-01", "--reason", "y"), "has passed"),
        (("waive", CVE, "--env", "prod", "--until", "2999-01-01", "--reason", "y"), "90 days"),
        (("unwaive", "x", "--env", "prod", "--reason", "y"), "is not the ID of"),
    ],
)
def test_bad_input_changes_nothing(floe: Floe, arguments: tuple[str, ...], problem: str) -> None:
    refused = floe.run("platform", *arguments)

    assert refused.code == 2
    assert problem in refused.err
    assert "Traceback" not in refused.err
    assert floe.run("platform", "waivers").out == "No waiver is in force\n"


def test_waiver_in_one_of_several_packages_is_ended_by_its_package(floe: Floe) -> None:
    for package in ("pkg:npm/a", "pkg:npm/b"):
        assert floe.run(*WAIVE, "--package", package).code == 0

    unclear = floe.run(*UNWAIVE)
    assert unclear.code == 2
    assert "name one with --package (pkg:npm/a, pkg:npm/b)" in unclear.err

    assert floe.run(*UNWAIVE, "--package", "pkg:npm/a").code == 0
    assert floe.run(*UNWAIVE).code == 0


def test_openvex_names_the_repository_and_who_accepted_the_risk(floe: Floe) -> None:
    floe.run(*WAIVE, "--package", "pkg:npm/lodash")

    exported = json.loads(floe.run("platform", "waivers", "--openvex").out)

    assert exported["@context"] == "https://openvex.dev/ns/v0.2.0"
    [statement] = exported["statements"]
    assert statement["vulnerability"] == {"name": CVE}
    assert statement["status"] == "not_affected"
    assert statement["impact_statement"].startswith(f"Accepted in prod until {UNTIL} by ")
    [product] = statement["products"]
    assert product["@id"].startswith("pkg:oci/registry?repository_url=")
    assert product["subcomponents"] == [{"@id": "pkg:npm/lodash"}]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    with oidc_provider(tmp_path_factory.mktemp("provider")) as running:
        yield running


def test_waiver_through_a_server_waits_for_its_approval(
    tmp_path: Path, provider: OidcProvider
) -> None:
    place = tmp_path / "platform"
    write_manifest(place, "oci-layout:./registry", provider.issuer)
    Layout(place / "registry").publish("v1.0.0", {"release": 1})
    with serving(place) as server:
        bob = server.client(tmp_path / "ci", provider.id_token("bob"))
        alice = server.client(tmp_path / "desk", provider.id_token("alice"))

        asked = bob.run(*WAIVE, *JSON)
        assert (asked.code, asked.document["outcome"]) == (14, "pending")
        change = asked.document["change_id"]
        assert f"waive {CVE} until {UNTIL} in prod" in bob.run("platform", "changes").out
        assert alice.run("platform", "waivers").out == "No waiver is in force\n"

        approved = alice.run("platform", "approve", change)
        assert approved.code == 0
        assert "Approved by: alice@acme.com" in approved.out
        again = bob.run(*WAIVE)
        assert "is waived already" in again.out

        [waiver] = bob.run("platform", "waivers", *JSON).document["waivers"]
        assert (waiver["vulnerability"], waiver["operator"]) == (CVE, "bob@acme.com")
        assert bob.run("platform", "waivers", "--openvex").document["statements"]
        assert bob.run(*UNWAIVE).code == 0
        assert bob.run("platform", "waivers", *JSON).document["waivers"] == []
