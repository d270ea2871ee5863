"""`floe platform rollback` for people and scripts."""

import json
from pathlib import Path

import pytest

from demo.issuer import issuer
from tests.builders import Artifact, image
from tests.peers import oci_layout
from tests.scenarios.commands import Floe

TRACEPARENT = f"00-{'ab' * 16}-{'1' * 16}-01"
FREE = "{environments: [{name: dev}, {name: prod}]}"
TRUSTING = "identity: {trust_os_user: true}\n"
FIELDS = {
    "success",
    "outcome",
    "rollback_id",
    "anchor",
    "artifact_digest",
    "artifact_tag",
    "environment",
    "version",
    "previous_version",
    "previous_digest",
    "reason",
    "quarantined",
    "operator",
    "impact_analysis",
    "findings",
    "tags",
    "warnings",
    "rolled_back_at",
    "trace_id",
    "dry_run",
    "error",
}


def content(**fields: object) -> Artifact:
    return image(json.dumps(fields).encode(), layer_type="application/json")


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    """v1.2.2, then v1.2.3, were promoted to prod."""
    return platform(tmp_path, FREE)


def platform(folder: Path, promotion: str) -> Floe:
    floe = Floe.on("oci-layout:./registry", folder, FREE, TRACEPARENT=TRACEPARENT)
    with (folder / "manifest.yaml").open("a") as manifest:
        manifest.write(TRUSTING)
    versions = {"v1.2.2": {"memory": 1}, "v1.2.3": {"memory": "1Gi", "extra": True}}
    for version, fields in versions.items():
        oci_layout.write(folder / "registry", content(**fields), f"{version}-dev")
        assert floe.promote(version, "prod").code == 0
    manifest_text = (folder / "manifest.yaml").read_text()
    (folder / "manifest.yaml").write_text(manifest_text.replace(FREE, promotion))
    return floe


def roll_back(floe: Floe, version: str, *more: str) -> tuple[int, str, str]:
    done = floe.run("platform", "rollback", version, "--env", "prod", "--reason", "INC-1", *more)
    return done.code, done.out, done.err


@pytest.mark.requirement("FR-014")
@pytest.mark.requirement("FR-033")
def test_rollback_is_reported(floe: Floe) -> None:
    code, out, err = roll_back(floe, "v1.2.2")

    assert code == 0, err
    for line in (
        "Rolled back prod to v1.2.2",
        "Rollback tag: v1.2.2-prod-rollback-1",
        "Latest tag updated: latest-prod",
        "prod: v1.2.3 → v1.2.2",
        "Reason: INC-1",
        "Quarantined: v1.2.3. To promote it again: floe platform release v1.2.3 --env prod "
        "--reason …",
        f"Trace ID: {'ab' * 16}",
    ):
        assert line in out


@pytest.mark.requirement("FR-031")
def test_rollback_document_is_complete(floe: Floe) -> None:
    code, out, _ = roll_back(floe, "v1.2.2-prod", "--output", "json")

    document = json.loads(out)
    assert code == 0
    assert document.keys() >= FIELDS
    assert (document["success"], document["outcome"]) == (True, "rolled_back")
    assert (document["version"], document["previous_version"]) == ("v1.2.2", "v1.2.3")
    assert document["artifact_tag"] == "v1.2.2-prod-rollback-1"
    assert document["tags"] == ["v1.2.2-prod-rollback-1", "latest-prod"]
    assert document["rollback_id"] and document["rolled_back_at"]
    assert document["error"] is None


@pytest.mark.parametrize(("more", "left"), [((), "v1.2.3"), (("--no-quarantine",), None)])
def test_rollback_names_the_version_that_it_quarantines(
    floe: Floe, more: tuple[str, ...], left: str | None
) -> None:
    _, shown, _ = roll_back(floe, "v1.2.2", "--dry-run", *more)
    _, dry, _ = roll_back(floe, "v1.2.2", "--dry-run", "--output", "json", *more)
    _, out, _ = roll_back(floe, "v1.2.2", "--output", "json", *more)
    _, again, _ = roll_back(floe, "v1.2.2", "--output", "json", *more)

    assert ("Quarantined: v1.2.3." in shown) is (left is not None)
    assert json.loads(dry)["quarantined"] == json.loads(out)["quarantined"] == left
    assert json.loads(again)["quarantined"] is None


@pytest.mark.requirement("FR-007")
@pytest.mark.requirement("FR-016")
def test_dry_run_shows_the_impact_and_changes_nothing(floe: Floe) -> None:
    before = (floe.folder / "registry" / "index.json").read_text()

    code, out, _ = roll_back(floe, "v1.2.2", "--dry-run")

    assert code == 0
    assert out.startswith("[DRY RUN] Would rollback prod to v1.2.2\n")
    for line in ("Removed field: extra", "Changed type: memory (str -> int)", "v1.2.3"):
        assert line in out
    assert "Rollback would succeed" in out
    assert (floe.folder / "registry" / "index.json").read_text() == before


@pytest.mark.requirement("FR-016")
def test_dry_run_needs_no_reason(floe: Floe) -> None:
    dry_run = ("platform", "rollback", "v1.2.2", "--env=prod", "--dry-run")

    shown = floe.run(*dry_run)
    document = floe.run(*dry_run, "--output=json").document

    assert (shown.code, shown.err) == (0, "")
    assert "Rollback would succeed" in shown.out
    assert document["reason"] == ""


@pytest.mark.requirement("FR-016")
def test_dry_run_document_has_the_impact(floe: Floe) -> None:
    _, out, _ = roll_back(floe, "v1.2.2", "--dry-run", "--output", "json")

    document = json.loads(out)
    assert (document["dry_run"], document["outcome"]) == (True, "rolled_back")
    assert document["rollback_id"] is None
    assert document["impact_analysis"]["versions_undone"] == ["v1.2.3"]
    assert "Removed field: extra" in document["impact_analysis"]["breaking_changes"]


@pytest.mark.requirement("FR-013")
@pytest.mark.requirement("FR-032")
def test_version_never_promoted_there_is_exit_11_with_those_that_were(floe: Floe) -> None:
    code, out, err = roll_back(floe, "v1.2.0")
    _, document, _ = roll_back(floe, "v1.2.0", "--output", "json")

    wanted = (
        "Version v1.2.0 was never promoted to prod. Available versions: v1.2.2-prod, v1.2.3-prod"
    )
    assert (code, out) == (11, "")
    assert wanted in err
    assert json.loads(document)["error"]["message"] == wanted
    assert json.loads(document).keys() >= FIELDS


def test_running_version_is_reported_with_exit_0(floe: Floe) -> None:
    code, out, _ = roll_back(floe, "v1.2.3")
    _, document, _ = roll_back(floe, "v1.2.3", "--output", "json")

    assert (code, out.splitlines()[0]) == (0, "Unchanged: prod already runs v1.2.3")
    assert json.loads(document)["outcome"] == "unchanged"


@pytest.mark.requirement("FR-032")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("v1.2.2", "--env", "prod"), "Missing option '--reason'"),
        (("v1.2.2", "--reason", "x"), "Missing option '--env'"),
        (("v1.2.2", "--env", "qa", "--reason", "x"), "Environments: dev, prod"),
        (("latest", "--env", "prod", "--reason", "x"), "'latest' is not a version"),
        (("v1.2.2", "--env", "prod", "--reason", " "), "the reason is empty"),
        (("v1.2.2", "--env", "prod", "--reason", "x" * 2001), "at most 2000"),
        (("v1.2.2", "--env", "prod", "--reason", "\udcff"), "not valid UTF-8"),
    ],
)
def test_invalid_arguments_are_exit_2_in_one_sentence(
    floe: Floe, arguments: tuple[str, ...], said: str
) -> None:
    done = floe.run("platform", "rollback", *arguments, "--output", "json")

    assert done.code == 2
    assert said in done.document["error"]["message"]
    assert "Traceback" not in done.err


@pytest.mark.requirement("FR-017")
def test_hostile_reason_is_stored_verbatim_and_escaped_on_output(floe: Floe) -> None:
    hostile = "\x1b[2Jall fine\u202e\nPromoted v9.9.9"
    arguments = ("platform", "rollback", "v1.2.2", "--env", "prod", "--reason", hostile)

    shown = floe.run(*arguments)
    kept = floe.run("platform", "status", "--env", "prod", "--history", "1", "--output", "json")

    assert shown.code == 0
    assert "\x1b" not in shown.out and "\u202e" not in shown.out
    assert "\\x1b[2Jall fine\\u202e\\nPromoted v9.9.9" in shown.out
    assert kept.document[0]["history"][0]["reason"] == hostile


@pytest.mark.requirement("FR-048")
def test_refusal_is_recorded_after_the_answer(tmp_path: Path) -> None:
    floe = platform(
        tmp_path,
        "{environments: [{name: dev}, {name: prod, authorization: {allowed_groups: [sre]}}]}",
    )

    assert roll_back(floe, "v1.2.2", "--dry-run")[0] == 12
    code, _, err = roll_back(floe, "v1.2.2")
    kept = floe.run("platform", "status", "--env", "prod", "--history", "9", "--output", "json")

    record, before = kept.document[0]["history"][:2]
    assert (code, before["kind"]) == (12, "promotion")
    assert err.startswith("Not rolled back: Unauthorized: Operator ")
    assert (record["kind"], record["rule"], record["action"]) == (
        "refusal",
        "authorization",
        "rollback",
    )


def test_rollback_that_needs_approval_waits_as_a_change(tmp_path: Path) -> None:
    floe = platform(
        tmp_path,
        "{environments: [{name: dev}, {name: prod, approvals: {required: 1, rollback: true}}]}",
    )

    code, out, _ = roll_back(floe, "v1.2.2", "--output", "json")
    listed = floe.run("platform", "changes", "--output", "json")

    document = json.loads(out)
    assert code == 14
    assert (document["outcome"], document["rollback_id"]) == ("pending", None)
    assert [change["change_id"] for change in listed.document["changes"]] == [document["change_id"]]
    assert listed.document["changes"][0]["action"] == "rollback"


def test_approved_rollback_names_the_version_that_it_quarantines(tmp_path: Path) -> None:
    floe = platform(
        tmp_path,
        "{environments: [{name: dev}, {name: prod, approvals: {required: 1, rollback: true}}]}",
    )
    with issuer() as people:
        oidc = (
            f"identity: {{trust_os_user: true, oidc: [{{issuer: '{people.url}', audience: floe}}]}}"
        )
        file = tmp_path / "manifest.yaml"
        file.write_text(file.read_text().replace(TRUSTING.strip(), oidc))
        _, asked, _ = roll_back(floe, "v1.2.2", "--output", "json")
        bob = Floe(tmp_path, {"FLOE_ID_TOKEN": people.token("bob@acme.com")})

        done = bob.run("platform", "approve", json.loads(asked)["change_id"])

    assert done.code == 0, done.err
    assert "  Quarantined: v1.2.3. To promote it again: floe platform release v1.2.3" in done.out
    assert "Gates passed" not in done.out
    assert json.loads(asked)["quarantined"] is None
