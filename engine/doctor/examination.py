"""Examines systems side by side, each within a time limit."""

import logging
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from threading import Event, Thread
from time import monotonic

from engine.doctor.diagnosis import Chart, Diagnosis
from engine.domain.errors import PromotionError
from engine.domain.text import printable

Tries = Generator[Diagnosis, None, None]
# Called with the names of the systems that have not answered yet.
Watch = Callable[[Sequence[str]], None]
SECONDS = 20.0
_log = logging.getLogger(__name__)
_QUIET_SECONDS = 1.0
_CLEAN_UP_SECONDS = 10.0


@dataclass(frozen=True)
class System:
    """A system to examine; `tries` yields its diagnoses one after the other."""

    name: str
    tries: Callable[[], Tries]
    advice: str = "Check that it answers, and the network between it and this machine"


@dataclass
class _Run:
    """The examination of one system in a daemon thread, which nothing waits for at exit."""

    system: System
    stop: Event
    found: list[Diagnosis] = field(default_factory=list)
    ended: "Future[None]" = field(default_factory=Future)

    def start(self) -> None:
        Thread(target=self._run, name=f"doctor-{self.system.name}", daemon=True).start()

    def _run(self) -> None:
        chart = Chart(self.system.name)
        tries = self.system.tries()
        try:
            for diagnosis in tries:
                self.found.append(diagnosis)
                if self.stop.is_set():
                    break
        except PromotionError as error:
            self.found.append(chart.error("settings", error))
        except Exception as error:  # noqa: BLE001 - the last handler of the thread
            _log.debug("the examination of %s ended early", self.system.name, exc_info=True)
            text = printable(f"{type(error).__name__}: {error}")[:300]
            self.found.append(chart.failed("defect", text, "Report it, with FLOE_LOG=debug"))
        finally:
            tries.close()
            self.ended.set_result(None)


def examine(
    systems: Sequence[System],
    watch: Watch,
    seconds: float = SECONDS,
    clean_up_seconds: float = _CLEAN_UP_SECONDS,
) -> tuple[Diagnosis, ...]:
    """
    Try all `systems` at the same time; return their diagnoses in the order of `systems`.

    One that does not end within `seconds` has one more failed diagnosis. It then gets
    `clean_up_seconds` to remove objects that it has written, as after an interrupt. After a second,
    `watch` is called whenever fewer systems are still missing.
    """
    stop = Event()
    runs = [_Run(system, stop) for system in systems]
    for run in runs:
        run.start()
    try:
        _wait(runs, watch, seconds)
    finally:
        late = {run.system.name for run in runs if not run.ended.done()}
        stop.set()
        wait([run.ended for run in runs], clean_up_seconds)
    return tuple(
        diagnosis
        for run in runs
        for diagnosis in _found(run, seconds if run.system.name in late else None)
    )


def _wait(runs: Sequence[_Run], watch: Watch, seconds: float) -> None:
    missing = {run.ended: run.system.name for run in runs}
    wait(missing, min(_QUIET_SECONDS, seconds))
    left = seconds - _QUIET_SECONDS
    while left > 0 and (open_ := {end: name for end, name in missing.items() if not end.done()}):
        watch(tuple(open_.values()))
        started = monotonic()
        wait(open_, left, FIRST_COMPLETED)
        left -= monotonic() - started


def _found(run: _Run, seconds: float | None) -> list[Diagnosis]:
    """The diagnoses of `run`; `seconds` are those within which it did not end."""
    found = list(run.found)
    if seconds is not None:
        found.append(Chart(run.system.name).timeout(seconds, run.system.advice))
    return found
