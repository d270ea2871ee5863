"""Follow a change on a server, and show its progress until it ends or waits."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from cli.interruption import restored_interrupts
from cli.output import InterruptedRunError
from cli.progress import TerminalProgress
from cli.remote.client import Api, quoted
from cli.remote.errors import ServerUnavailableError
from cli.remote.responses import StrangeAnswerError, read
from engine.domain.change import ChangeState
from engine.domain.errors import AuthorizationError, PromotionError, UnavailableError
from engine.domain.gate import GateKind, GateResult, GateStatus
from engine.responses.change import ChangeResponse, ChangeTimelineResponse, TimelineEvent

_POLL_SECONDS = 0.5
# A restarting server is back by then.
_PATIENCE_SECONDS = 60.0


@dataclass
class Following:
    """Follows one change; `shown` counts the displayed events."""

    api: Api
    change_id: str
    progress: TerminalProgress
    patience_seconds: float = _PATIENCE_SECONDS
    shown: int = 0
    pause: Callable[[float], None] = field(default=time.sleep)

    def settled(self, wait_seconds: float = 0) -> ChangeResponse:
        """
        Return the change once it ended, or waited `wait_seconds` for a decision.

        InterruptedRunError on Ctrl-C: the change itself continues on the server.
        """
        with self._explain_continuation():
            change = self._read()
            while change.state in (ChangeState.CHECKING, ChangeState.EXECUTING):
                self.pause(_POLL_SECONDS)
                change = self._read()
            deadline = time.monotonic() + wait_seconds
            while change.open and (left := deadline - time.monotonic()) > 0:
                self.progress.waiting(change, left)
                self.pause(min(_POLL_SECONDS, left))
                change = self._read()
            return change

    def _read(self) -> ChangeResponse:
        """Read the change; retry for `patience_seconds` while the server is unavailable."""
        end = time.monotonic() + self.patience_seconds
        while True:
            try:
                document = self.api.follow(self.change_id)
                break
            except UnavailableError:
                if time.monotonic() > end:
                    raise
            self.pause(_POLL_SECONDS)
        self._show(read(ChangeTimelineResponse, document).timeline)
        return read(ChangeResponse, document)

    def _show(self, events: tuple[TimelineEvent, ...]) -> None:
        for event in events[self.shown :]:
            if event.kind == "gate_started":
                self.progress.gate_started(*_started(event.details))
            if event.kind == "gate_finished":
                self._finish(_finished(event.details))
        self.shown = max(self.shown, len(events))

    def _finish(self, result: GateResult) -> None:
        """Show the last lines of a failed gate, if the server still has them."""
        if result.status is GateStatus.FAILED:
            with suppress(PromotionError):
                output = output_of(self.api, self.change_id, result.gate)
                self.progress.gate_output(result.gate, output or b"")
        self.progress.gate_finished(result)

    @contextmanager
    def _explain_continuation(self) -> Iterator[None]:
        """Add to errors that the change continues on the server."""
        on = f"Change {self.change_id} goes on at {self.api.place}"
        again = "the same command asked again follows it"
        try:
            with restored_interrupts():
                yield
        except KeyboardInterrupt as error:
            raise InterruptedRunError(f"Interrupted. {on}: {again}") from error
        except ServerUnavailableError as error:
            error.args = (f"{error}. {on} when it is there again: {again}",)
            raise
        except AuthorizationError as error:
            error.args = (f"{error}. {on}: {again}, with a new token",)
            raise


def output_of(api: Api, change_id: str, gate: GateKind) -> bytes | None:
    """Read the output of a gate; None if the server has none."""
    try:
        document = api.get(f"changes/{quoted(change_id)}/output/{gate}")
    except PromotionError as error:
        if error.reason_code != "not_found":
            raise
        return None
    output = document.get("output") if isinstance(document, dict) else None
    if not isinstance(output, str):
        raise StrangeAnswerError("an output without text")
    return output.encode(errors="replace")


def _started(details: Mapping[str, Any]) -> tuple[GateKind, int]:
    try:
        return GateKind(details["gate"]), int(details["timeout_seconds"])
    except (KeyError, ValueError, TypeError) as error:
        raise StrangeAnswerError(f"gate_started without {error}") from error


def _finished(details: Mapping[str, Any]) -> GateResult:
    try:
        return GateResult.model_validate(details.get("result"))
    except ValidationError as error:
        raise StrangeAnswerError("gate_finished without a result") from error
