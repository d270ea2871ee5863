"""Two people on the command line: one promotes, the other locks the same environment."""

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from demo.issuer import Issuer
from engine.domain.errors import EnvironmentLockedError
from tests.bot.crowd import Case

_ROOT = Path(__file__).parents[2]
_PROGRAM = "from cli.main import main; main()"


@dataclass
class Writers:
    """
    Commands in `folder`, which has a manifest. `locked` are the times between the answers of a
    lock and the start of its unlock.
    """

    folder: Path
    state_url: str
    people: Issuer
    cases: Sequence[Case]
    exits: Counter[str] = field(default_factory=Counter)
    locked: list[tuple[float, float]] = field(default_factory=list)
    promoted: list[tuple[str, float]] = field(default_factory=list)
    problems: list[BaseException] = field(default_factory=list)
    _done: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Write until the block has ended and each version was promoted."""
        works = (self._promote_all, self._lock_and_unlock)
        threads = [threading.Thread(target=self._kept, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            threads[0].join()
            self._done.set()
            threads[1].join()
            if self.problems:
                raise self.problems[0]

    def _kept(self, work: "object") -> None:
        try:
            work()  # type: ignore[operator]
        except BaseException as problem:  # noqa: BLE001 - raised by the thread that waits
            self.problems.append(problem)

    def _promote_all(self) -> None:
        for case in self.cases:
            self._until_done("promote", case.version, "--to", case.target)
            self.promoted.append((case.version, time.time()))

    def _lock_and_unlock(self) -> None:
        target = self.cases[0].target
        while not self._done.wait(5):
            # A lock whose answer was lost is there: repeating it is refused.
            taken = (0, EnvironmentLockedError.exit_code)
            self._until_done("lock", "--env", target, "--reason", "INC-42", done=taken)
            began = time.time()
            self._done.wait(2)
            self.locked.append((began, time.time()))
            self._until_done("unlock", "--env", target, "--reason", "over")

    def _until_done(self, *words: str, done: Sequence[int] = (0,)) -> None:
        """Repeat a command until it ends with one of the codes `done`, as a script does."""
        for _ in range(200):
            code, said = self._run(*words)
            self.exits[f"{words[0]} {code}"] += 1
            if code in done:
                return
            time.sleep(1)
        raise AssertionError(f"{' '.join(words)} did not succeed: {said}")

    def _run(self, *words: str) -> tuple[int, str]:
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(_ROOT),
            "FLOE_STATE_URL": self.state_url,
            "FLOE_ID_TOKEN": self.people.token("alice@acme.com"),
        }
        command = [sys.executable, "-c", _PROGRAM, "platform", *words, "--output", "json"]
        ran = subprocess.run(
            command, cwd=self.folder, env=environ, capture_output=True, text=True, timeout=240
        )
        assert "Traceback" not in ran.stderr, ran.stderr
        json.loads(ran.stdout)
        return ran.returncode, ran.stdout + ran.stderr
