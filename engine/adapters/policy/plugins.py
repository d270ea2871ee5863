"""Policies of plug-ins, beside those in CEL."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Event

from engine.config.plugins import Policy
from engine.domain.errors import ConfigError
from engine.domain.policy import EnforcementResult, PolicySubject, PolicyViolation
from engine.domain.text import printable
from engine.ports import PolicyEnforcer
from engine.ports.plugins import POLICY_ENFORCERS, PluginSettings, PolicyPlugin
from engine.runtime.bounded_call import await_answer, begin_call
from engine.runtime.plugins import Plugin, find_plugin

_SECONDS = 10
_MOST = 20
_CHARACTERS = 300


class PluginPolicies:
    """Adds the violations that plug-ins find to those of `built_in`."""

    def __init__(
        self, built_in: PolicyEnforcer, policies: Sequence[Policy], base: Path, product: str
    ) -> None:
        self._built_in = built_in
        self._policies = tuple(each for each in policies if each.package)
        self._base = base
        self._product = product

    def enforce(self, subject: PolicySubject) -> EnforcementResult:
        """Ask every plug-in; one that gives no answer in time is an error, like a failed rule."""
        violations = list(self._built_in.enforce(subject).violations)
        labels = []
        for policy in self._policies:
            try:
                plugin = find_plugin(POLICY_ENFORCERS, policy.package or "", policy.name)
            except ConfigError as error:
                violations.append(PolicyViolation(policy.name, "error", str(error)))
                continue
            labels.append(plugin.label)
            violations += self._judge(policy, plugin, subject)
        return EnforcementResult(tuple(violations), tuple(dict.fromkeys(labels)))

    def _judge(
        self, policy: Policy, plugin: Plugin, subject: PolicySubject
    ) -> Iterator[PolicyViolation]:
        seconds = policy.timeout_seconds or _SECONDS
        answering = begin_call(lambda: self._answer(policy, plugin, subject), policy.name)
        done = await_answer(answering, seconds, Event())
        found = _sentences(done, seconds)
        if isinstance(found, str):
            text = printable(f"plug-in {plugin.label} {found}")[:_CHARACTERS]
            yield PolicyViolation(policy.name, "error", text)
            return
        for sentence in found[:_MOST]:
            text = printable(sentence.strip())[:_CHARACTERS] or "is violated"
            message = f"{text} ({policy.message})" if policy.message else text
            yield PolicyViolation(policy.name, policy.severity, message)

    def _answer(self, policy: Policy, plugin: Plugin, subject: PolicySubject) -> object:
        made = plugin.load()
        if not (isinstance(made, type) and issubclass(made, PolicyPlugin)):
            raise TypeError("its entry point is no PolicyPlugin")
        settings = PluginSettings(policy.options or {}, self._base, self._product)
        # A copy: the plug-in must not change the answer later.
        found: object = made(settings).violations(subject)
        return list(found) if isinstance(found, list | tuple) else found


def _sentences(done: "Future[object] | None", seconds: float) -> list[str] | str:
    """The violations, or why there is no answer."""
    if done is None:
        return f"did not answer within {seconds} seconds"
    if error := done.exception():
        return f"failed ({type(error).__name__}: {error})"
    found = done.result()
    if isinstance(found, list) and all(isinstance(each, str) for each in found):
        return found
    return f"gave no list of sentences, but {type(found).__name__}"
