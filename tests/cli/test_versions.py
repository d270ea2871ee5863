"""`floe platform versions`, here and through a server."""

from pathlib import Path

import jsonschema
import pytest

from docs.reference.outputs import outputs_schema
from tests.builders import image
from tests.cli.serving import serving, write_manifest
from tests.peers import oci_layout
from tests.peers.oidc_provider import oidc_provider
from tests.scenarios.commands import Floe

LIST = ("platform", "versions")
JSON = ("--output", "json")


def build(folder: Path, *versions: str) -> None:
    for version in versions:
        oci_layout.write(folder / "registry", image(version.encode()), f"{version}-dev")


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    """Five versions: v1.2.0 runs in staging, which was rolled back from v1.3.0."""
    build(tmp_path, "v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0", "v1.10.0")
    floe = Floe.on("oci-layout:./registry", tmp_path)
    for version in ("v1.1.0", "v1.2.0", "v1.3.0"):
        assert floe.promote(version, "staging").code == 0
    back = ("platform", "rollback", "v1.2.0", "--env", "staging", "--reason", "INC-1")
    assert floe.run(*back).code == 0
    return floe


def test_versions_are_listed_with_their_places(floe: Floe) -> None:
    listed = floe.run(*LIST)

    assert (listed.code, listed.err) == (0, "")
    assert listed.out.splitlines() == [
        "VERSION  WHERE                   CAN GO TO",
        "v1.10.0  published               staging",
        "v1.3.0   quarantined in staging  -",
        "v1.2.0   live in staging         prod",
        "v1.1.0   was in staging          prod",
        "v1.0.0   published               -",
    ]


def test_each_page_names_the_next_one(floe: Floe) -> None:
    first = floe.run(*LIST, "--limit", "3")
    last = floe.run(*LIST, "--limit", "3", "--after", "v1.2.0")

    command = "floe platform versions --limit 3 --after v1.2.0"
    assert f"3 of 5 versions. Older ones: {command}\n" in first.out
    assert "Older ones" not in last.out
    assert [line.split()[0] for line in last.out.splitlines()[1:]] == ["v1.1.0", "v1.0.0"]


def test_next_page_is_of_the_same_environment(floe: Floe) -> None:
    first = floe.run(*LIST, "--env", "staging", "--limit", "1")

    assert "floe platform versions --env staging --limit 1 --after v1.3.0\n" in first.out


def test_versions_of_one_environment_as_json(floe: Floe) -> None:
    listed = floe.run(*LIST, "--env", "staging", *JSON)

    document = listed.document
    jsonschema.validate(document, {**outputs_schema(), "$ref": "#/$defs/versions"})
    assert [each["version"] for each in document["versions"]] == ["v1.3.0", "v1.2.0", "v1.1.0"]
    assert document["versions"][0] == {
        "version": "v1.3.0",
        "environments": [
            {"environment": "dev", "state": "published", "change_id": None},
            {"environment": "staging", "state": "quarantined", "change_id": None},
            {"environment": "prod", "state": "never reached", "change_id": None},
        ],
        "promotable_to": [],
    }
    assert (document["total"], document["next"], document["unread"]) == (3, None, {})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--env", "moon"), "'moon' is not an environment. Environments: dev, staging, prod"),
        (("--after", "soon"), "'soon' is not a version"),
        (("--limit", "0"), "--limit"),
    ],
)
def test_invalid_options_are_refused(floe: Floe, options: tuple[str, ...], said: str) -> None:
    refused = floe.run(*LIST, *options)

    assert refused.code == 2
    assert said in refused.err


def test_empty_registry_has_no_versions(tmp_path: Path) -> None:
    oci_layout.write(tmp_path / "registry", image(b"nothing"))

    listed = Floe.on("oci-layout:./registry", tmp_path).run(*LIST)

    assert (listed.code, listed.out) == (0, "No version is published\n")


def test_environment_that_cannot_be_read_is_named(floe: Floe) -> None:
    oci_layout.lose(floe.folder / "registry", "floe-head.staging")

    listed = floe.run(*LIST)

    assert listed.code == 0
    assert "WARNING: staging cannot be read: " in listed.err
    assert "v1.2.0   unknown in staging" in listed.out


@pytest.mark.timeout(180)
def test_server_answers_the_same_and_knows_what_is_under_way(tmp_path: Path) -> None:
    with oidc_provider(tmp_path) as provider:
        place, token = tmp_path / "platform", provider.id_token("bob")
        write_manifest(place, "oci-layout:./registry", provider.issuer)
        build(place, "v1.0.0", "v1.1.0")
        local = Floe(place, {"FLOE_ID_TOKEN": token})
        assert local.promote("v1.0.0", "staging").code == 0
        with serving(place) as server:
            client = server.client(tmp_path / "ci", token)
            asked = client.promote("v1.0.0", "prod")

            answers = [each.run(*LIST, "--limit", "1") for each in (local, client)]
            pages = [each.run(*LIST, *JSON).document for each in (local, client)]
            refused = [each.run(*LIST, "--env", "moon", *JSON) for each in (local, client)]

    assert asked.code == 14, asked.err
    assert answers[0] == answers[1]
    assert (
        "1 of 2 versions. Older ones: floe platform versions --limit 1 --after v1.1.0"
        in answers[0].out
    )
    assert pages[0]["versions"] == pages[1]["versions"]
    [cell] = [c for c in pages[0]["versions"][1]["environments"] if c["environment"] == "prod"]
    assert cell["state"] == "in flight"
    assert cell["change_id"].startswith("c-")
    documents = [each.document for each in refused]
    assert documents[0]["error"] == documents[1]["error"]
    jsonschema.validate(documents[0], {**outputs_schema(), "$ref": "#/$defs/versions"})
    assert refused[0].code == 2
