"""Standard output is only the answer, and output cannot control the terminal."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.commands import UNGATED, Finished, Floe, finish

LAYOUT = "oci-layout:./registry"
# The fields of a promotion's document.
FIELDS = {
    *(
        "success",
        "outcome",
        "promotion_id",
        "anchor",
        "change_id",
        "artifact_digest",
        "artifact_tag",
    ),
    *("version", "source_environment", "target_environment", "findings", "gate_results"),
    *("signature", "operator", "authorized_via", "tags", "registry_sync", "warnings"),
    *("promoted_at", "trace_id", "dry_run", "error", "impact_analysis", "overrides"),
    # The approvals that are still required.
    "approvals_missing",
    "previous_version",
    "previous_digest",
}
ERROR_FIELDS = {"type", "reason_code", "message", "exit_code", "details"}
# Colours, a cleared screen, a title, an overwritten line, a reversed one, a C1 sequence, Slack.
HOSTILE = "\x1b[31m\x1b[2J\x1b]0;owned\x07\rPromoted\n\u202egnp\u2066\x9b31m\u2028<!channel>"
JSON = ("--output", "json")


def gated(command: str) -> str:
    return (
        "{environments: [{name: dev}, {name: staging, gates: {tests: true}}],"
        f" gate_commands: {{tests: {command}}}}}"
    )


def platform(folder: Path, promotion: str = UNGATED, uri: str = LAYOUT) -> Floe:
    oci_layout.write(folder / "registry", image(), "v1.0.0-dev")
    return Floe.on(uri, folder, promotion)


def promote(floe: Floe, *arguments: str) -> Finished:
    return floe.run("platform", "promote", *arguments)


def config_error(folder: Path) -> Finished:
    return promote(platform(folder, "{environmets: []}"), "v1.0.0", "--to", "staging", *JSON)


def no_manifest(folder: Path) -> Finished:
    return promote(Floe(folder), "v1.0.0", "--to", "staging", *JSON)


def usage_error(folder: Path) -> Finished:
    return promote(platform(folder), "v1.0.0", *JSON)


def unknown_option(folder: Path) -> Finished:
    return promote(platform(folder), "v1.0.0", "--to", "staging", "--force", *JSON)


def senseless_options(folder: Path) -> Finished:
    return promote(platform(folder), "v1.0.0", "--to", "staging", "--run-gates", *JSON)


def unknown_environment(folder: Path) -> Finished:
    return promote(platform(folder), "v1.0.0", "--to", "nowhere", *JSON)


def registry_down(folder: Path) -> Finished:
    floe = platform(folder, uri="oci://127.0.0.1:1/acme/platform")
    return promote(floe, "v1.0.0", "--to", "staging", *JSON)


def not_found(folder: Path) -> Finished:
    return promote(platform(folder), "v9.0.0", "--to", "staging", *JSON)


def off_the_path(folder: Path) -> Finished:
    return promote(platform(folder), "v1.0.0", "--from", "dev", "--to", "prod", *JSON)


def gate_failed(folder: Path) -> Finished:
    return promote(platform(folder, gated("'false'")), "v1.0.0", "--to", "staging", *JSON)


def undecodable(folder: Path) -> Finished:
    return promote(platform(folder), "v1.0.0\udcff", "--to", "staging", *JSON)


def hostile_version(folder: Path) -> Finished:
    return promote(platform(folder), HOSTILE, "--to", "staging", *JSON)


Failure = Callable[[Path], Finished]


@pytest.mark.requirement("FR-031")
@pytest.mark.requirement("FR-034")
@pytest.mark.parametrize(
    ("fail", "code", "reason"),
    [
        (config_error, 2, "configuration"),
        (no_manifest, 2, "configuration"),
        (usage_error, 2, "usage"),
        (unknown_option, 2, "usage"),
        (senseless_options, 2, "usage"),
        (unknown_environment, 2, "usage"),
        (undecodable, 2, "usage"),
        (hostile_version, 2, "usage"),
        (not_found, 3, "artifact_not_found"),
        (registry_down, 5, "registry_unavailable"),
        (gate_failed, 8, "gate_failed"),
        (off_the_path, 9, "invalid_transition"),
    ],
)
def test_every_failure_is_one_document_with_every_field(
    tmp_path: Path, fail: Failure, code: int, reason: str
) -> None:
    done = fail(tmp_path)

    document = done.document
    assert document.keys() == FIELDS
    assert document["error"].keys() == ERROR_FIELDS
    assert (done.code, document["error"]["exit_code"]) == (code, code)
    assert document["error"]["reason_code"] == reason
    assert not document["success"]
    assert len(document["trace_id"]) == 32
    assert "Traceback" not in done.err


@pytest.mark.requirement("FR-031")
@pytest.mark.requirement("FR-034")
@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_success_is_one_document_with_every_field(tmp_path: Path, more: tuple[str, ...]) -> None:
    done = platform(tmp_path).promote("v1.0.0", "staging", *more)

    document = done.document
    assert document.keys() == FIELDS
    assert (done.code, document["success"], document["error"]) == (0, True, None)
    assert document["dry_run"] == bool(more)
    assert document["artifact_digest"] == str(image().manifest.digest)
    assert document["artifact_tag"] == "v1.0.0-staging"
    assert document["tags"] == ["v1.0.0-staging", "latest-staging"]
    assert (document["promotion_id"] is None) == bool(more)


@pytest.mark.requirement("FR-032")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("more", [JSON, ()])
def test_signal_ends_the_gate_and_the_run_with_130(
    tmp_path: Path, number: signal.Signals, more: tuple[str, ...]
) -> None:
    slow = "[python3, -c, \"import time; open('started', 'w'); time.sleep(60); open('over', 'w')\"]"
    floe = platform(tmp_path, gated(slow))
    process = floe.start("platform", "promote", "v1.0.0", "--to", "staging", *more)
    _await(tmp_path / "started", process)

    process.send_signal(number)
    done = finish(process)

    assert done.code == 130
    assert "Traceback" not in done.err
    if more:
        assert done.document.keys() == FIELDS
        assert done.document["error"]["reason_code"] == "interrupted"
    else:
        assert (done.out, "Interrupted" in done.err) == ("", True)
    assert "v1.0.0-staging" not in (tmp_path / "registry" / "index.json").read_text()
    assert platform(tmp_path).promote("v1.0.0", "staging").code == 0
    assert not (tmp_path / "over").exists()


@pytest.mark.parametrize("output", ["table", "json"])
@pytest.mark.parametrize(
    "arguments",
    [
        (HOSTILE, "--to", "staging"),
        ("v1.0.0", "--to", HOSTILE),
        ("v1.0.0", "--from", HOSTILE, "--to", "staging"),
        ("v1.0.0", "--to", "staging", HOSTILE),
        ("v1.0.0", "--to", "staging", f"--{HOSTILE}"),
        ("v1.0.0", "--to", "staging", "--manifest", HOSTILE),
    ],
)
def test_hostile_arguments_are_escaped_on_terminals(
    tmp_path: Path, arguments: tuple[str, ...], output: str
) -> None:
    done = promote(platform(tmp_path), *arguments, "--output", output)

    assert done.code == 2
    assert_harmless(done)


@pytest.mark.parametrize("output", ["table", "json"])
def test_unknown_command_is_escaped_on_terminals(tmp_path: Path, output: str) -> None:
    done = Floe(tmp_path).run("platform", HOSTILE, "--output", output)

    assert done.code == 2
    assert_harmless(done)


@pytest.mark.parametrize("output", ["table", "json"])
def test_hostile_gate_output_is_escaped_on_terminals(tmp_path: Path, output: str) -> None:
    (tmp_path / "gate.py").write_text(f"raise SystemExit({HOSTILE!r})", encoding="utf-8")
    floe = platform(tmp_path, gated("'python3 -X utf8 gate.py'"))

    done = promote(floe, "v1.0.0", "--to", "staging", "--output", output)

    assert done.code == 8
    assert_harmless(done)


@pytest.mark.parametrize("output", ["table", "json"])
def test_hostile_reason_is_escaped_on_terminals(tmp_path: Path, output: str) -> None:
    reason = json.dumps(HOSTILE)
    locked = f"lock: {{locked: true, reason: {reason}, locked_by: sre@acme.com}}"
    floe = platform(tmp_path, f"{{environments: [{{name: dev}}, {{name: staging, {locked}}}]}}")

    done = promote(floe, "v1.0.0", "--to", "staging", "--output", output)

    assert done.code == 13
    assert "<!channel>" in done.out + done.err
    assert_harmless(done)


def test_each_problem_of_a_file_has_its_own_line(tmp_path: Path) -> None:
    floe = platform(tmp_path, "{environments: [{nam: dev}, {name: Prod}], polices: []}")

    done = promote(floe, "v1.0.0", "--to", "staging")

    said, *problems, trace = done.err.splitlines()
    assert said == f"Not promoted: manifest.yaml: {len(problems)} problems"
    assert len(problems) > 2
    assert any("artifacts.promotion.polices: unknown" in line for line in problems)
    assert trace.startswith("Trace ID: ")
    assert_harmless(done)


def assert_harmless(done: Finished) -> None:
    for text in (done.out, done.err):
        raw = {char for char in text if not char.isprintable() and char != "\n"}
        assert raw == set()
    # A forged line would start a new line.
    assert not any(line.startswith("Promoted") for line in (done.out + done.err).splitlines())


def _await(path: Path, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 60
    while not path.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)


@pytest.mark.requirement("FR-033")
def test_failed_status_shows_its_trace_id(tmp_path: Path) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    floe = Floe(tmp_path, {"TRACEPARENT": f"00-{trace}-00f067aa0ba902b7-01"})

    shown, as_json = floe.run("platform", "status"), floe.run("platform", "status", *JSON)

    assert (shown.code, as_json.code) == (2, 2)
    assert f"Trace ID: {trace}" in shown.err
    assert as_json.document["trace_id"] == trace


@pytest.mark.requirement("FR-009a")
def test_schema_command_takes_the_manifest_option(tmp_path: Path) -> None:
    ended = Floe(tmp_path).run("schema", "--manifest", "platform.yaml")

    assert (ended.code, ended.document["title"]) == (0, "floe manifest")


def test_every_command_warns_of_a_registry_without_tls(tmp_path: Path) -> None:
    floe = platform(tmp_path, uri="oci://registry.invalid/acme/app")
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(manifest.read_text().replace("registry: {", "registry: {insecure: true, "))

    ended = floe.run("platform", "status")

    assert ended.err.count("registry.invalid: the connection is plain http (insecure: true)") == 1
