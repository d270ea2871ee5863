"""Systems are examined side by side, each within its time."""

import re
import time
from pathlib import Path
from threading import Event

import pytest

from engine.doctor.diagnosis import Chart, Verdict, split_message
from engine.doctor.examination import System, Tries, examine
from engine.domain.errors import RegistryUnavailableError, UnavailableError
from tests.builders import image
from tests.doctor.clinic import prepare
from tests.peers import oci_layout

CHART = Chart("part")


def quick() -> Tries:
    yield CHART.passed("quick", "it works")


def test_system_that_hangs_keeps_its_results_and_fails() -> None:
    release, seen = Event(), list[tuple[str, ...]]()

    def hanging() -> Tries:
        yield CHART.passed("first", "it works")
        release.wait(60)

    systems = (System("stuck", hanging, "Restart it"), System("quick", quick))
    found = examine(systems, lambda names: seen.append(tuple(names)), 1.2, 0.1)
    release.set()

    assert [each.verdict for each in found] == [Verdict.PASSED, Verdict.FAILED, Verdict.PASSED]
    assert (found[1].found, found[1].advice) == ("no answer within 1.2 seconds", "Restart it")
    assert found[1].error is UnavailableError
    assert seen == [("stuck",)]


def test_system_that_is_too_slow_cleans_up() -> None:
    written = ["tag"]

    def slow() -> Tries:
        try:
            for number in range(600):
                time.sleep(0.1)
                yield CHART.passed(str(number), "it works")
        finally:
            written.clear()

    found = examine([System("slow", slow)], lambda names: None, 1.2, 30)

    assert written == []
    assert found[-1].verdict is Verdict.FAILED
    assert 0 < len(found) < 300


def test_systems_run_side_by_side() -> None:
    def slow() -> Tries:
        time.sleep(0.5)
        yield CHART.passed("slow", "it works")

    started = time.monotonic()
    found = examine([System(str(n), slow) for n in range(20)], lambda names: None)

    assert len(found) == 20
    assert time.monotonic() - started < 5


def test_error_of_one_system_hides_no_other() -> None:
    def refused() -> Tries:
        raise RegistryUnavailableError("registry r does not answer (timeout: 5 s): start it")
        yield

    def defect() -> Tries:
        raise KeyError("lost")
        yield

    systems = (System("a", refused), System("b", defect), System("c", quick))
    found = examine(systems, lambda names: None)

    assert [(each.found, each.advice) for each in found] == [
        ("registry r does not answer (timeout: 5 s)", "Start it"),
        ("KeyError: 'lost'", "Report it, with FLOE_LOG=debug"),
        ("it works", ""),
    ]


@pytest.mark.parametrize(
    ("message", "problem", "fix"),
    [
        ("the key is lost: make one", "the key is lost", "Make one"),
        ("it failed (401, DENIED: no). Try again", "it failed (401, DENIED: no)", "Try again"),
        ("state.url: it is not valid: correct it", "state.url: it is not valid", "Correct it"),
        ("set x: false is all", "set x", "False is all"),
        ("no fix", "no fix", ""),
    ],
)
def test_message_is_divided_into_problem_and_fix(message: str, problem: str, fix: str) -> None:
    assert split_message(message) == (problem, fix)


def test_table_has_advice_below_failures(tmp_path: Path) -> None:
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")
    floe = prepare(tmp_path, prod="gates: {tests: {command: pytset}}")

    shown = floe.run("doctor")

    lines = shown.out.splitlines()
    failed = next(n for n, line in enumerate(lines) if line.startswith("failed"))
    assert "gates" in lines[failed]
    assert lines[failed + 1].strip().startswith("→ Install pytset")
    # A directory has nothing to try by writing.
    assert re.fullmatch(r"Tries: [^;]+", lines[-2])
    assert shown.code == 2


def test_directory_that_is_no_registry_is_found(tmp_path: Path) -> None:
    before = prepare(tmp_path).run("doctor")
    (tmp_path / "registry").mkdir()
    wrong = prepare(tmp_path).run("doctor")

    assert "registry does not exist yet" in before.out
    assert before.code == 0
    assert "registry is not an OCI image layout" in wrong.out
    assert wrong.code == 2


def test_wrong_manifest_is_refused_as_in_other_commands(tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").write_text("kind: Manifest\n")

    refused = prepare(tmp_path, registry="unknown: 1").run("doctor", "--output", "json")

    assert refused.code == 2
    assert refused.document["success"] is False
    assert refused.document["diagnoses"] == []
    assert "unknown" in refused.document["error"]["message"]
