"""Output of failed gates: last lines at once, all of it later, locally and through a server."""

from pathlib import Path

from jsonschema import Draft202012Validator

from docs.reference.outputs import outputs_schema
from tests.builders import image
from tests.cli.serving import serving, write_manifest
from tests.peers import oci_layout
from tests.peers.oidc_provider import oidc_provider
from tests.scenarios.commands import Floe

PRINTS = "i=0; while [ $i -lt 50 ]; do echo line-$i-; i=$((i+1)); done; exit 3"
PROMOTE = ("platform", "promote", "v1.0.0", "--to", "staging")
SHOW = ("platform", "changes", "show")


def failing_platform(folder: Path, command: str = PRINTS) -> Floe:
    oci_layout.write(folder / "registry", image(), "v1.0.0-dev")
    return Floe.on(
        "oci-layout:./registry",
        folder,
        "{environments: [{name: dev}, {name: staging, gates: {tests: true}}],"
        f" gate_commands: {{tests: [sh, -c, '{command}']}}}}",
    )


def test_output_of_a_failed_gate_is_shown_and_stored_without_approvals(tmp_path: Path) -> None:
    floe = failing_platform(tmp_path)

    refused = floe.run(*PROMOTE)
    trace = refused.err.rpartition("Trace ID: ")[2].strip()
    shown = refused.err.partition("Output of tests: floe ")[2].partition("\n")[0]
    kept = [floe.run(*shown.split()), floe.run(*SHOW, trace, "--output-of", "tests")]
    document = floe.run(*SHOW, trace, "--output-of", "tests", "--output", "json").document

    assert refused.code == 8
    assert "  | line-10-\n" in refused.err
    assert "  | line-9-\n" not in refused.err
    assert shown.startswith("platform changes show c-")
    for each in kept:
        assert (each.code, each.out.splitlines()) == (0, [f"line-{n}-" for n in range(50)])
    assert document["output"].startswith("line-0-\n")
    fits = Draft202012Validator(outputs_schema() | {"$ref": "#/$defs/changes show"})
    assert list(fits.iter_errors(document)) == []


def test_failed_promotion_without_approvals_is_a_change(tmp_path: Path) -> None:
    floe = failing_platform(tmp_path)

    refused = floe.run(*PROMOTE, "--output", "json").document
    [change] = floe.run("platform", "changes", "--all", "--output", "json").document["changes"]
    shown = floe.run(*SHOW, change["change_id"])
    table = floe.run("platform", "changes", "--all")

    assert refused["change_id"] == change["change_id"]
    assert (change["state"], change["interface"]) == ("blocked", "cli")
    assert [each["status"] for each in change["gate_results"]] == ["passed", "failed"]
    assert change["ended"]["reason_code"] == "gate_failed"
    assert change["trace_id"] == refused["trace_id"]
    assert "Gate 'tests' failed" in shown.out
    assert change["change_id"] in table.out


def test_refused_rollback_and_unknown_version_are_changes(tmp_path: Path) -> None:
    floe = failing_platform(tmp_path, "true")
    assert floe.run(*PROMOTE).code == 0

    unknown = floe.run("platform", "promote", "v9.0.0", "--to", "staging")
    rollback = floe.run("platform", "rollback", "v8.0.0", "--env", "staging", "--reason", "INC-1")
    found = floe.run("platform", "changes", "--all", "--output", "json").document["changes"]

    assert unknown.code != 0
    assert rollback.code != 0
    # The promotion that took effect is on the ledger, and has no change.
    assert [(each["version"], each["state"]) for each in found] == [
        ("v8.0.0", "failed"),
        ("v9.0.0", "failed"),
    ]


def test_unusable_state_does_not_hide_the_failure(tmp_path: Path) -> None:
    floe = failing_platform(tmp_path)
    (tmp_path / ".floe").mkdir(exist_ok=True)
    (tmp_path / ".floe" / "store.db").mkdir()

    refused = floe.run(*PROMOTE)

    assert (refused.code, "line-49-" in refused.err) == (8, True), refused.err


def test_output_is_found_by_record_id(tmp_path: Path) -> None:
    floe = failing_platform(tmp_path, "echo all good")

    promoted = floe.run(*PROMOTE, "--output", "json").document
    kept = floe.run(*SHOW, promoted["promotion_id"], "--output-of", "tests")
    unknown = floe.run(*SHOW, "00000000-0000-4000-8000-000000000000", "--output-of", "tests")

    assert (kept.code, kept.out) == (0, "all good\n")
    assert (unknown.code, "No output of gate" in unknown.err) == (2, True)


def test_gate_output_cannot_control_the_terminal(tmp_path: Path) -> None:
    floe = failing_platform(tmp_path, r"printf \"\\033[2Jowned\\n\"; exit 1")

    refused = floe.run(*PROMOTE)

    assert "\x1b" not in refused.err
    assert "owned" in refused.err


def test_missing_output_is_a_usage_error(tmp_path: Path) -> None:
    floe = failing_platform(tmp_path, "true")
    assert floe.run(*PROMOTE).code == 0

    missing = floe.run(*SHOW, "c-none", "--output-of", "performance_baseline")

    assert (missing.code, "No output of gate" in missing.err) == (2, True)


def test_output_through_a_server_is_shown_and_stored_with_the_change(tmp_path: Path) -> None:
    with oidc_provider(tmp_path) as provider:
        place = tmp_path / "platform"
        write_manifest(
            place, "oci-layout:./registry", provider.issuer, tests="echo why-not; test -e passes"
        )
        oci_layout.write(place / "registry", image(b"one"), "v1.0.0-dev")
        with serving(place) as server:
            floe = server.client(tmp_path / "ci", provider.id_token("bob"))
            refused = floe.run(*PROMOTE)
            (place / "passes").touch()
            promoted = floe.run(*PROMOTE, "--output", "json").document
            recorded = floe.run(*SHOW, promoted["promotion_id"], "--output-of", "tests")
            shown = refused.err.partition("Output of tests: floe ")[2].partition("\n")[0]
            kept = floe.run(*shown.split())
            of_change = floe.run(*shown.partition(" --output-of")[0].split())

    assert (refused.code, "  | why-not\n" in refused.err) == (8, True), refused.err
    assert (kept.code, kept.out) == (0, "why-not\n")
    assert f"  Output of tests: floe {shown}\n" in of_change.out
    assert (recorded.code, recorded.out) == (0, "why-not\n"), recorded.err
