"""A third party's plug-ins that break every rule, and one gate that accepts."""

import sys
import time
from typing import Any

from floe.plugins import (
    GateAnswer,
    GateCommand,
    GatePlugin,
    GateSubject,
    NotifierPlugin,
    PluginSettings,
    PolicyPlugin,
)


class Accepts(GatePlugin):
    def judge(self, subject: GateSubject) -> GateAnswer:
        return GateAnswer(True, output=f"{subject.version} {self.settings.options}")


class Exits(GatePlugin):
    def judge(self, subject: GateSubject) -> GateAnswer:
        sys.exit(0)


class Hangs(GatePlugin):
    def judge(self, subject: GateSubject) -> GateAnswer:
        time.sleep(60)
        return GateAnswer(True)


class Long(GatePlugin):
    def judge(self, subject: GateSubject) -> GateAnswer:
        return GateAnswer(False, "no\x1b[31m " * 1000, "x" * 200_000)


class Raises(GatePlugin):
    def judge(self, subject: GateSubject) -> GateAnswer:
        raise KeyError("forgotten\nby its author")


class Settings(GatePlugin):
    def __init__(self, settings: PluginSettings) -> None:
        raise ValueError("option deny is missing")

    def judge(self, subject: GateSubject) -> GateAnswer:
        return GateAnswer(True)


class Truthy(GatePlugin):
    def judge(self, subject: GateSubject) -> Any:
        return GateAnswer("yes")  # type: ignore[arg-type] # a careless author writes it


nameless = GateCommand(None)  # type: ignore[arg-type] # a careless author writes it
joined = GateCommand("true --all")  # type: ignore[arg-type]


def nothing(settings: PluginSettings) -> None:
    """An entry point that is no plug-in."""


class ExitingPolicy(PolicyPlugin):
    def violations(self, subject: Any) -> Any:
        sys.exit(0)


class HangingPolicy(PolicyPlugin):
    def violations(self, subject: Any) -> Any:
        time.sleep(60)
        return []


class ManyViolations(PolicyPlugin):
    def violations(self, subject: Any) -> Any:
        return [f"{number} " + "x" * 1000 for number in range(100)]


class NonePolicy(PolicyPlugin):
    def violations(self, subject: Any) -> Any:
        return None


class TextPolicy(PolicyPlugin):
    def violations(self, subject: Any) -> Any:
        return ""


class ExitingNotifier(NotifierPlugin):
    def notify(self, event: Any) -> None:
        sys.exit(0)
