"""Gates of plug-ins: a class that judges, or a command."""

import json
import threading
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from engine.adapters.gates.verdict import failed
from engine.domain.errors import ConfigError
from engine.domain.gate import Gate, GateResult, GateStatus, PluginChoice
from engine.domain.text import printable
from engine.ports import GateSubject
from engine.ports.plugins import GATES, GateAnswer, GateCommand, GatePlugin, PluginSettings
from engine.runtime.bounded_call import await_answer, begin_call
from engine.runtime.plugins import Plugin, find_plugin

_REASON_CHARACTERS = 500
_OUTPUT_BYTES = 64 * 1024

Judged = tuple[GateResult, bytes]


class PluginGates:
    """Runs the gates of plug-ins, with the directory of the manifest as their `base`."""

    def __init__(self, base: Path, product: str) -> None:
        self._base = base
        self._product = product

    def judge(
        self, gate: Gate, subject: GateSubject, stop: threading.Event
    ) -> tuple[Gate | Judged, str]:
        """
        Have the plug-in of `gate` judge; its answer is a gate with a command if it is one.

        Every other answer, and none within the time of the gate, is a failed result. The package
        and its version are the second value.
        """
        choice = gate.plugin or PluginChoice("")
        try:
            plugin = find_plugin(GATES, choice.package, gate.kind.value)
        except ConfigError as error:
            return (failed(gate, str(error)), b""), choice.package
        answering = begin_call(lambda: self._answer(plugin, choice, subject), f"gate-{gate.kind}")
        done = await_answer(answering, gate.timeout_seconds, stop)
        if done is not None:
            return _ended(gate, plugin, done), plugin.label
        late = f"did not answer within {gate.timeout_seconds} seconds"
        return _refused(gate, plugin, "was interrupted" if stop.is_set() else late), plugin.label

    def _answer(self, plugin: Plugin, choice: PluginChoice, subject: GateSubject) -> object:
        made = plugin.load()
        if isinstance(made, type) and issubclass(made, GatePlugin):
            settings = PluginSettings(json.loads(choice.options), self._base, self._product)
            return made(settings).judge(subject)
        return made


def _ended(gate: Gate, plugin: Plugin, done: "Future[object]") -> Gate | Judged:
    error = done.exception()
    if isinstance(error, ConfigError):
        return _with_plugin(failed(gate, str(error)), plugin), b""
    if error is not None:
        return _refused(gate, plugin, f"failed ({type(error).__name__}: {error})")
    return _judged(gate, plugin, done.result())


def _judged(gate: Gate, plugin: Plugin, answer: object) -> Gate | Judged:
    if isinstance(answer, GateCommand):
        if not _is_argv(answer.argv):
            return _refused(gate, plugin, "gave a GateCommand whose argv is no tuple of texts")
        return replace(gate, argv=tuple(answer.argv))
    if not isinstance(answer, GateAnswer) or not _is_whole(answer):
        return _refused(gate, plugin, f"gave no GateAnswer, but {type(answer).__name__}")
    output = answer.output.encode(errors="replace")[:_OUTPUT_BYTES]
    reason = printable(answer.reason.strip())[:_REASON_CHARACTERS]
    if answer.passed is not True:
        return _refused(gate, plugin, f"refused: {reason}" if reason else "refused", output)
    status = GateStatus.WARNING if reason else GateStatus.PASSED
    result = GateResult(gate=gate.kind, status=status, error=reason or None)
    return _with_plugin(result, plugin), output


def _is_argv(argv: object) -> bool:
    return isinstance(argv, tuple | list) and all(isinstance(each, str) for each in argv)


def _is_whole(answer: GateAnswer) -> bool:
    values: tuple[object, ...] = (answer.passed, answer.reason, answer.output)
    return [type(each) for each in values] == [bool, str, str]


def _refused(gate: Gate, plugin: Plugin, problem: str, output: bytes = b"") -> Judged:
    return _with_plugin(failed(gate, f"plug-in {plugin.label} {problem}"), plugin), output


def _with_plugin(result: GateResult, plugin: Plugin) -> GateResult:
    """Name the package and its version in the details, which records keep."""
    details = {**result.details, "plugin": plugin.label}
    return result.model_copy(update={"details": details})
