"""Diagnoses: the results of tries, with the sentence that mends each failure."""

import re
from dataclasses import dataclass
from enum import StrEnum

from engine.domain.errors import ConfigError, PromotionError, UnavailableError

# The end of the problem in a message: "problem: fix" or "problem. Fix".
_SEPARATOR = re.compile(r"(?::|\.) ")
WRITES = "Run floe doctor --write to try it"


class Verdict(StrEnum):
    """The result of a try; only `failed` ends the command with a code other than 0."""

    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """
    The result of one try on a `system`: the facts that it `found`, and the advice to mend them.

    Failures and warnings always have an advice. `error` is the class whose exit code a failure
    gives to the command.
    """

    system: str
    name: str
    verdict: Verdict
    found: str
    advice: str = ""
    error: type[PromotionError] = ConfigError


@dataclass(frozen=True, slots=True)
class Chart:
    """Makes the diagnoses of one system."""

    system: str

    def passed(self, name: str, found: str) -> Diagnosis:
        return Diagnosis(self.system, name, Verdict.PASSED, found)

    def warning(self, name: str, found: str, advice: str) -> Diagnosis:
        return Diagnosis(self.system, name, Verdict.WARNING, found, advice)

    def failed(
        self, name: str, found: str, advice: str, error: type[PromotionError] = ConfigError
    ) -> Diagnosis:
        return Diagnosis(self.system, name, Verdict.FAILED, found, advice, error)

    def not_tried(self, name: str, reason: str, advice: str = "") -> Diagnosis:
        return Diagnosis(self.system, name, Verdict.NOT_TRIED, reason, advice)

    def unwritten(self, name: str) -> Diagnosis:
        """A try that writes, in a run that only reads."""
        return self.not_tried(name, "it would write", WRITES)

    def error(self, name: str, error: PromotionError, advice: str = "") -> Diagnosis:
        """The failure of a try that ended with `error`, whose message usually has the advice."""
        problem, fix = (str(error), advice) if advice else split_message(str(error))
        return self.failed(name, problem, fix or _REPEAT, type(error))

    def timeout(self, seconds: float, advice: str) -> Diagnosis:
        return self.failed(
            "time", f"no answer within {seconds:g} seconds", advice, UnavailableError
        )


_REPEAT = "Correct it, and run floe doctor again"


def split_message(message: str) -> tuple[str, str]:
    """
    Split the message of an error into its problem and its fix, which may be empty.

    Separators in parentheses and after the name of a setting belong to the problem.
    """
    for found in _SEPARATOR.finditer(message):
        before = message[: found.start()]
        if " " in before and before.count("(") <= before.count(")"):
            fix = message[found.end() :]
            return before, fix[:1].upper() + fix[1:]
    return message, ""
