"""Gates as real processes: their environment, results and output."""

import hashlib
import json
import os
import threading
import tracemalloc
from pathlib import Path

import pytest

from engine.adapters.gates import CommandGates
from engine.domain.gate import GateKind, GateStatus
from tests.gates.gates import (
    DIGEST,
    SUBJECT,
    ProgressLog,
    gate,
    run,
    run_keeping,
    script,
    wait_until,
)


@pytest.mark.requirement("FR-006")
def test_exit_0_passes_and_records_the_command(tmp_path):
    (result,) = run(tmp_path, gate("sh", "-c", "echo fine"))

    assert result.gate is GateKind.TESTS
    assert result.status is GateStatus.PASSED
    assert result.error is None
    assert result.details == {
        "command": "sh",
        "exit_status": 0,
        "output_sha256": hashlib.sha256(b"fine\n").hexdigest(),
        "output_bytes": 5,
    }


@pytest.mark.requirement("FR-006")
def test_a_nonzero_exit_status_fails_with_the_last_line_of_output(tmp_path):
    (result,) = run(tmp_path, gate("sh", "-c", "echo first; echo 2 tests failed >&2; exit 3"))

    assert result.status is GateStatus.FAILED
    assert result.error == "exit status 3: 2 tests failed"
    assert result.details["exit_status"] == 3


def test_a_failure_without_output_shows_the_exit_status(tmp_path):
    (result,) = run(tmp_path, gate("false"))

    assert result.error == "exit status 1"


def test_the_error_line_is_short_and_printable(tmp_path):
    argv = script(tmp_path, "print('\\x1b[31m' + 'x' * 5000 + '\\u202e'); raise SystemExit(1)")

    (result,) = run(tmp_path, gate(*argv))

    assert result.error is not None
    assert result.error.startswith("exit status 1: xxx")
    assert len(result.error) < 300
    assert result.error.isprintable()


def test_a_gate_killed_by_a_signal_fails(tmp_path):
    (result,) = run(tmp_path, gate("sh", "-c", "kill -KILL $$"))

    assert result.status is GateStatus.FAILED
    assert result.error == "killed by signal SIGKILL"
    assert result.details["exit_status"] is None


@pytest.mark.parametrize("argv", [("no-such-program-here",), (), ("a\0b",), ("/",)])
def test_a_command_that_cannot_start_fails(tmp_path, argv):
    (result,) = run(tmp_path, gate(*argv))

    assert result.status is GateStatus.FAILED
    assert result.error is not None
    assert result.error.startswith("could not start: ")


def test_a_missing_working_directory_fails_every_gate(tmp_path):
    (result,) = run(tmp_path / "gone", gate("true"))

    assert result.error == f"could not start: {tmp_path / 'gone'}: No such file or directory"


def test_known_placeholders_are_replaced_and_unknown_ones_stay(tmp_path):
    argv = script(tmp_path, "import json, sys; json.dump(sys.argv[1:], open('seen', 'w'))")
    asked = (
        "${ARTIFACT_REF}",
        "digest=${ARTIFACT_DIGEST}",
        "${ARTIFACT_TAG}/${VERSION}",
        "${SOURCE_ENV}-${TARGET_ENV}",
        "${HOME}",
        "$VERSION",
    )

    (result,) = run(tmp_path, gate(*argv, *asked))

    assert result.status is GateStatus.PASSED
    assert json.loads((tmp_path / "seen").read_text()) == [
        SUBJECT.reference,
        f"digest={DIGEST}",
        "v1.2.3-dev/v1.2.3",
        "dev-staging",
        "${HOME}",
        "$VERSION",
    ]


def test_arguments_are_not_interpreted_by_a_shell(tmp_path):
    argv = script(tmp_path, "import json, sys; json.dump(sys.argv[1:], open('seen', 'w'))")

    run(tmp_path, gate(*argv, ";touch evil", "$(touch evil)", "`touch evil`", "a b", "*"))

    seen = json.loads((tmp_path / "seen").read_text())
    assert seen == [";touch evil", "$(touch evil)", "`touch evil`", "a b", "*"]
    assert not (tmp_path / "evil").exists()


def test_a_gate_sees_only_its_own_environment(tmp_path):
    argv = script(
        tmp_path,
        """
        import json, os
        json.dump({"env": dict(os.environ), "home": os.listdir(os.environ["HOME"])},
                  open("seen", "w"))
        """,
    )
    environ = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "TMPDIR": str(tmp_path),
        "HOME": "/root",
        "FLOE_ID_TOKEN": "secret",
        "TRIVY_SERVER": "https://trivy.example",
        "VERSION": "ours must win",
    }

    named = ("TRIVY_SERVER", "VERSION", "NOT_SET")
    CommandGates(tmp_path, environ).run((gate(*argv, env=named),), SUBJECT, ProgressLog())

    seen = json.loads((tmp_path / "seen").read_text())
    home = seen["env"].pop("HOME")
    assert seen["home"] == []
    assert home != "/root"
    assert not Path(home).exists()
    assert seen["env"] == {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "TMPDIR": str(tmp_path),
        "TRIVY_SERVER": "https://trivy.example",
        "ARTIFACT_REF": SUBJECT.reference,
        "ARTIFACT_DIGEST": str(DIGEST),
        "ARTIFACT_TAG": "v1.2.3-dev",
        "VERSION": "v1.2.3",
        "SOURCE_ENV": "dev",
        "TARGET_ENV": "staging",
    }


def test_standard_input_is_empty_and_the_directory_is_the_configured_one(tmp_path):
    (result,) = run(tmp_path, gate("sh", "-c", 'test "$(cat)" = "" && pwd > where'))

    assert result.status is GateStatus.PASSED
    assert (tmp_path / "where").read_text().strip() == str(tmp_path)


def test_output_that_is_not_utf_8_is_kept_unchanged(tmp_path):
    result, kept = run_keeping(tmp_path, gate("printf", r"caf\351\n"))

    assert result.status is GateStatus.PASSED
    assert kept == b"caf\xe9\n"


def test_the_last_line_may_be_invalid_utf_8(tmp_path):
    (result,) = run(tmp_path, gate("sh", "-c", r"printf '\377\376 broken\n'; exit 1"))

    assert (
        result.error == "exit status 1: \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER} broken"
    )


def test_200_megabytes_of_output_need_little_memory(tmp_path):
    code = """
        import sys
        line = b"x" * 1023 + b"\\n"
        sys.stdout.buffer.write(b"first\\n")
        for _ in range(200):
            sys.stdout.buffer.write(line * 1024)
        sys.stdout.buffer.write(b"last\\n")
        """
    argv = script(tmp_path, code)

    tracemalloc.start()
    result, kept = run_keeping(tmp_path, gate(*argv))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    whole = hashlib.sha256(b"first\n")
    for _ in range(200):
        whole.update((b"x" * 1023 + b"\n") * 1024)
    whole.update(b"last\n")
    assert result.details["output_bytes"] == 200 * 1024 * 1024 + 11
    assert result.details["output_sha256"] == whole.hexdigest()
    assert peak < 30 * 1024 * 1024
    assert len(kept) <= 64 * 1024
    assert kept.startswith(b"first\n")
    assert kept.endswith(b"last\n")


def test_gates_run_in_parallel_and_are_reported_as_they_end(tmp_path):
    # Each waits for the other's file, so one after the other they would never end.
    meet = "touch {0}; while [ ! -e {1} ]; do sleep 0.05; done; {2}"
    progress = ProgressLog()
    gates = (
        gate("sh", "-c", meet.format("a", "b", "while [ ! -e notified ]; do sleep 0.05; done")),
        gate("sh", "-c", meet.format("b", "a", "true"), kind=GateKind.COST_ANALYSIS, timeout=50),
    )
    thread_saw_cost_first = threading.Thread(
        target=lambda: (
            wait_until(lambda: bool(progress.finished)) and (tmp_path / "notified").touch()
        )
    )

    thread_saw_cost_first.start()
    results = CommandGates(tmp_path, os.environ).run(gates, SUBJECT, progress)
    thread_saw_cost_first.join()

    assert [result.gate for result in results] == [GateKind.TESTS, GateKind.COST_ANALYSIS]
    assert all(result.status is GateStatus.PASSED for result in results)
    assert [result.gate for result in progress.finished] == [GateKind.COST_ANALYSIS, GateKind.TESTS]
    assert progress.started == [(GateKind.TESTS, 60), (GateKind.COST_ANALYSIS, 50)]


def test_without_gates_there_are_no_results(tmp_path):
    assert run(tmp_path) == ()


def test_secrets_of_a_gate_are_masked_in_its_output(tmp_path):
    progress = ProgressLog()
    environ = {"GATE_TOKEN": "canary-gate-token", "MODE": "fast", "PATH": os.environ["PATH"]}
    runner = CommandGates(tmp_path, environ)
    printing = gate("sh", "-c", "env; echo $GATE_TOKEN; exit 1", env=("GATE_TOKEN", "MODE"))

    (result,) = runner.run((printing,), SUBJECT, progress)

    assert b"canary" not in progress.outputs[GateKind.TESTS]
    assert b"GATE_TOKEN=***" in progress.outputs[GateKind.TESTS]
    assert b"MODE=fast" in progress.outputs[GateKind.TESTS]
    assert result.error == "exit status 1: ***"
