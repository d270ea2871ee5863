"""Runs the gates of an environment in parallel, each exactly once."""

import logging
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from engine.adapters.gates.command import argv_of, environment_of, secrets_of, values_of
from engine.adapters.gates.limits import UNLIMITED, Limits
from engine.adapters.gates.output import Report, TruncatedOutput
from engine.adapters.gates.process import Ending, ProcessGroup, Sink, StartError
from engine.adapters.gates.verdict import (
    ReportJudge,
    details_of,
    failed,
    judge_exit_status,
    judge_report,
)
from engine.domain.gate import Gate, GateKind, GateResult
from engine.ports import GateSubject, Progress, StoppedError
from engine.runtime.memory_protection import conceal

_log = logging.getLogger(__name__)
# How soon gates end after their change was claimed by another worker.
_CHECK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class _Outcome:
    result: GateResult
    output: bytes | None = None  # None if the command was not started.


class PluginJudge(Protocol):
    """Asks plug-ins; see `engine.adapters.gates.plugins`."""

    def judge(
        self, gate: Gate, subject: GateSubject, stop: threading.Event
    ) -> tuple[Gate | tuple[GateResult, bytes], str]:
        """Return the result and output of `gate`, or the gate with its command; and the package."""
        ...


class CommandGates:
    """
    Implements `engine.ports.GateRunner` with commands that run in `cwd`.

    Commands see PATH, LANG, TMPDIR and the variables in `gate.env` of `environ`. Progress is
    reported in the thread that called `run`. `judge` decides about scans; without it they fail.
    `limits` apply to each process tree unless the gate overrides them. `plugins` judges the gates
    of plug-ins; without it they fail.
    """

    def __init__(
        self,
        cwd: Path,
        environ: Mapping[str, str],
        *,
        grace_seconds: float = 5,
        judge: ReportJudge | None = None,
        limits: Limits = UNLIMITED,
        plugins: PluginJudge | None = None,
    ) -> None:
        self._cwd = cwd
        self._environ = environ
        self._grace_seconds = grace_seconds
        self._judge = judge
        self._limits = limits
        self._plugins = plugins
        self._active: set[threading.Event] = set()
        self._stopped = False

    def stop(self) -> None:
        """End all running gates and start no more: callers of `run` get StoppedError."""
        self._stopped = True
        for stop in tuple(self._active):
            stop.set()

    def run(
        self, gates: Sequence[Gate], subject: GateSubject, progress: Progress
    ) -> tuple[GateResult, ...]:
        """Run all gates; an interrupt such as Ctrl-C ends them before it is raised."""
        conceal()
        stop = threading.Event()
        self._active.add(stop)
        if self._stopped:
            stop.set()
        results: dict[int, GateResult] = {}
        with ThreadPoolExecutor(max_workers=max(1, len(gates))) as pool:
            try:
                running: dict[Future[_Outcome], int] = {}
                for index, gate in enumerate(gates):
                    progress.gate_started(gate.kind, gate.timeout_seconds)
                    running[pool.submit(self._run, gate, subject, stop)] = index
                for future in _finished(running, progress):
                    outcome = future.result()
                    if self._stopped:
                        # The result of a gate that was stopped says nothing about the artifact.
                        raise StoppedError
                    results[running[future]] = outcome.result
                    if outcome.output is not None:
                        progress.gate_output(outcome.result.gate, outcome.output)
                    progress.gate_finished(outcome.result)
            finally:
                stop.set()
                self._active.discard(stop)
        return tuple(results[index] for index in range(len(gates)))

    def _run(self, gate: Gate, subject: GateSubject, stop: threading.Event) -> _Outcome:
        started = time.monotonic()
        try:
            outcome = self._execute(gate, subject, stop)
        except StartError as error:
            outcome = _Outcome(failed(gate, f"could not start: {error}"))
        except OSError as error:
            # No disk space for its home directory or for a scanner's report.
            outcome = _Outcome(failed(gate, f"could not run to its end: {error.strerror}"))
        duration_ms = round((time.monotonic() - started) * 1000)
        result = outcome.result.model_copy(update={"duration_ms": duration_ms})
        _log.info("gate %s %s for %s", gate.kind, result.status, subject.digest)
        return _Outcome(result, outcome.output)

    def _execute(self, gate: Gate, subject: GateSubject, stop: threading.Event) -> _Outcome:
        if gate.plugin is not None:
            return self._ask_plugin(gate, subject, stop)
        scan = gate.security is not None or gate.kind is GateKind.SECURITY_SCAN
        if not gate.argv:
            return _Outcome(failed(gate, "could not start: its command is empty"))
        if not scan:
            output = TruncatedOutput(secrets_of(gate, self._environ))
            argv, ending = self._supervise(gate, subject, stop, output.feed, None)
            return _outcome(judge_exit_status(gate, ending, output), argv, ending, output, output)
        if self._judge is None or gate.security is None:
            return _Outcome(failed(gate, "not run: its report cannot be evaluated here"))
        return self._scan(gate, subject, stop, self._judge)

    def _ask_plugin(self, gate: Gate, subject: GateSubject, stop: threading.Event) -> _Outcome:
        if self._plugins is None:
            return _Outcome(failed(gate, "not run: its plug-in cannot be asked here"))
        answer, label = self._plugins.judge(gate, subject, stop)
        if isinstance(answer, Gate):
            outcome = self._execute(replace(answer, plugin=None), subject, stop)
            details = {**outcome.result.details, "plugin": label}
            return _Outcome(outcome.result.model_copy(update={"details": details}), outcome.output)
        return _Outcome(*answer)

    def _scan(
        self, gate: Gate, subject: GateSubject, stop: threading.Event, judge: ReportJudge
    ) -> _Outcome:
        output = TruncatedOutput(secrets_of(gate, self._environ))
        with Report() as report:

            def feed_both(chunk: bytes) -> None:
                report.feed(chunk)
                output.feed(chunk)

            argv, ending = self._supervise(gate, subject, stop, feed_both, output.feed)
            result = judge_report(gate, ending, report, output, judge)
            return _outcome(result, argv, ending, report, output)

    def _supervise(
        self,
        gate: Gate,
        subject: GateSubject,
        stop: threading.Event,
        stdout: Sink,
        stderr: Sink | None,
    ) -> tuple[list[str], Ending]:
        values = values_of(subject)
        argv = argv_of(gate, values)
        with tempfile.TemporaryDirectory(prefix="floe-gate-", ignore_cleanup_errors=True) as home:
            env = environment_of(gate, values, self._environ, home)
            limits = self._limits.with_overrides(gate.limits)
            with ProcessGroup(
                argv, env=env, cwd=self._cwd, stdout=stdout, stderr=stderr, limits=limits
            ) as group:
                return argv, group.supervise(gate.timeout_seconds, self._grace_seconds, stop)


def _finished(
    running: Mapping[Future[_Outcome], int], progress: Progress
) -> Iterator[Future[_Outcome]]:
    """The gates of `running` as each finishes, unless `progress` ends the wait."""
    waiting = set(running)
    while waiting:
        done, waiting = wait(waiting, _CHECK_SECONDS, FIRST_COMPLETED)
        progress.check_cancelled()
        yield from done


def _outcome(
    result: GateResult,
    argv: list[str],
    ending: Ending,
    judged: TruncatedOutput | Report,
    output: TruncatedOutput,
) -> _Outcome:
    details = {**result.details, **details_of(argv, ending, judged)}
    return _Outcome(result.model_copy(update={"details": details}), output.content)
