"""The interfaces of plug-ins: gates, policy enforcers and notifiers of installed packages."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from engine.domain.policy import PolicySubject
from engine.domain.product import UNNAMED
from engine.ports.gates import GateSubject

# The entry point groups, besides that of audit backends.
GATES = "floe.gates"
POLICY_ENFORCERS = "floe.policy_enforcers"
NOTIFIERS = "floe.notifiers"


@dataclass(frozen=True)
class PluginSettings:
    """
    The settings of a plug-in in manifest.yaml.

    `options` are public: a plug-in reads secrets from the environment of floe. `base` is the
    directory of the file, for relative paths.
    """

    options: Mapping[str, JsonValue] = field(default_factory=dict)
    base: Path = Path()
    product: str = UNNAMED


class Plugin:
    """
    The base of all kinds. floe makes a new object for every use, in any thread.

    A constructor that does not accept its settings raises a ValueError with one sentence.
    """

    def __init__(self, settings: PluginSettings) -> None:
        self.settings = settings


@dataclass(frozen=True)
class GateAnswer:
    """
    The verdict of a gate. A refusal needs a `reason`; one of an acceptance is shown as a warning.

    floe shows 500 characters of the reason, and keeps 64 KiB of the `output`.
    """

    passed: bool
    reason: str = ""
    output: str = ""


@dataclass(frozen=True)
class GateCommand:
    """A gate that is a command, with the placeholders of other gate commands."""

    argv: tuple[str, ...]


class GatePlugin(Plugin, ABC):
    """A gate with a name of its own. An exception, or no answer in time, fails the gate."""

    @abstractmethod
    def judge(self, subject: GateSubject) -> GateAnswer:
        """Judge the artifact; called once for each promotion, and never in a plain dry run."""


class PolicyPlugin(Plugin, ABC):
    """A rule of policy_compliance. An exception, or no answer in time, blocks."""

    @abstractmethod
    def violations(self, subject: PolicySubject) -> Sequence[str]:
        """
        List the violations of the artifact, one sentence each; empty if it meets the rule.

        Called in dry runs too, so it changes nothing. floe shows 20 of them, with 300 characters.
        """


class NotifierPlugin(Plugin, ABC):
    """Sends events to another system. An exception, or no end in time, leads to another try."""

    @abstractmethod
    def notify(self, event: Mapping[str, JsonValue]) -> None:
        """Send `event`, the payload of webhooks. The same event may come again after a failure."""
