"""Judges an artifact by every configured policy."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.adapters.policy.expression import CompiledRule, ExpressionError
from engine.adapters.policy.subject import UnjudgeableError, content_of, seen
from engine.config.promotion import Policy
from engine.domain.errors import ConfigError
from engine.domain.policy import EnforcementResult, PolicySubject, PolicyViolation
from engine.domain.text import printable

_RULE_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class _Compiled:
    policy: Policy
    rule: CompiledRule


class CelPolicies:
    """Policies as `compile_policies` made them; safe to use from several threads."""

    def __init__(self, compiled: tuple[_Compiled, ...]) -> None:
        self._compiled = compiled

    def enforce(self, subject: PolicySubject) -> EnforcementResult:
        """
        Evaluate every policy. One that cannot be evaluated blocks, whatever its severity: what it
        would have said is not known. Layers are read only where a rule speaks of the content.
        """
        if not self._compiled:
            return EnforcementResult(())
        variables = _Variables(subject)
        violations = (_violation(each, variables) for each in self._compiled)
        return EnforcementResult(tuple(each for each in violations if each))


def compile_policies(policies: Iterable[Policy]) -> CelPolicies:
    """Compile every rule; ConfigError that names each policy that does not, and where."""
    compiled: list[_Compiled] = []
    problems: list[tuple[str, str]] = []
    for place, policy in enumerate(policies):
        try:
            compiled.append(_Compiled(policy, CompiledRule(policy.rule)))
        except ExpressionError as error:
            path = f"artifacts.promotion.policies[{place}].rule"
            problems.append((path, f"policy '{printable(policy.name)}' does not compile: {error}"))
    if problems:
        raise _refusal(problems)
    return CelPolicies(tuple(compiled))


class _Variables:
    """What rules see, each part read when the first rule asks for it."""

    def __init__(self, subject: PolicySubject) -> None:
        self._subject = subject
        self._known: dict[bool, Mapping[str, Any] | UnjudgeableError] = {}

    def of(self, *, content: bool) -> Mapping[str, Any]:
        """The variables, or the UnjudgeableError of whoever asked first."""
        if content not in self._known:
            try:
                self._known[content] = self._read(content)
            except UnjudgeableError as error:
                self._known[content] = error
        known = self._known[content]
        if isinstance(known, UnjudgeableError):
            raise known
        return known

    def _read(self, content: bool) -> Mapping[str, Any]:
        if not content:
            return seen(self._subject)
        variables = self.of(content=False)
        artifact = {**variables["artifact"], "content": content_of(self._subject)}
        return {**variables, "artifact": artifact}


def _violation(compiled: _Compiled, variables: _Variables) -> PolicyViolation | None:
    policy, rule = compiled.policy, compiled.rule
    try:
        if rule.holds(variables.of(content=rule.reads_content)):
            return None
    except UnjudgeableError as error:
        return PolicyViolation(policy.name, "error", f"the rule cannot be evaluated: {error}")
    text = printable(policy.rule.strip())[:_RULE_CHARACTERS]
    message = policy.message or f"the artifact does not keep the rule {text}"
    return PolicyViolation(policy.name, policy.severity, message)


def _refusal(problems: list[tuple[str, str]]) -> ConfigError:
    details = {"problems": [{"path": path, "message": text} for path, text in problems]}
    lines = [f"{path}: {text}" for path, text in problems]
    if len(lines) == 1:
        return ConfigError(lines[0], details)
    return ConfigError("\n  ".join([f"{len(lines)} policies do not compile", *lines]), details)
