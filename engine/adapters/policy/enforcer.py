"""Evaluates the configured policies for an artifact."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.adapters.policy.expression import CompiledRule, ExpressionError
from engine.adapters.policy.subject import UnjudgeableError, read_content, variables_of
from engine.config.plugins import Policy
from engine.domain.errors import ConfigError
from engine.domain.policy import EnforcementResult, PolicySubject, PolicyViolation
from engine.domain.text import printable

_RULE_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class _Compiled:
    policy: Policy
    rule: CompiledRule


class CelPolicies:
    """The compiled policies; thread-safe. Created by `compile_policies`."""

    def __init__(self, compiled: tuple[_Compiled, ...]) -> None:
        self._compiled = compiled

    def enforce(self, subject: PolicySubject) -> EnforcementResult:
        """
        Evaluate every policy. One that cannot be evaluated is an error, even if its severity is
        warning. Layers are read only if a rule uses `artifact.content`.
        """
        if not self._compiled:
            return EnforcementResult(())
        variables = _Variables(subject)
        violations = (_violation(each, variables) for each in self._compiled)
        return EnforcementResult(tuple(each for each in violations if each))


def compile_policies(policies: Iterable[Policy]) -> CelPolicies:
    """Compile every rule; ConfigError with each policy that does not compile, and its path."""
    compiled: list[_Compiled] = []
    problems: list[tuple[str, str]] = []
    for index, policy in enumerate(policies):
        if policy.rule is None:  # of a plug-in
            continue
        try:
            compiled.append(_Compiled(policy, CompiledRule(policy.rule)))
        except ExpressionError as error:
            path = f"artifacts.promotion.policies[{index}].rule"
            problems.append((path, f"policy '{printable(policy.name)}' does not compile: {error}"))
    if problems:
        raise _compile_error(problems)
    return CelPolicies(tuple(compiled))


class _Variables:
    """The variables of rules, read on first use and cached, errors included."""

    def __init__(self, subject: PolicySubject) -> None:
        self._subject = subject
        self._cached: dict[bool, Mapping[str, Any] | UnjudgeableError] = {}

    def get(self, *, content: bool) -> Mapping[str, Any]:
        """The variables, with `artifact.content` if `content`; UnjudgeableError on bad input."""
        if content not in self._cached:
            try:
                self._cached[content] = self._read(content)
            except UnjudgeableError as error:
                self._cached[content] = error
        cached = self._cached[content]
        if isinstance(cached, UnjudgeableError):
            raise cached
        return cached

    def _read(self, content: bool) -> Mapping[str, Any]:
        if not content:
            return variables_of(self._subject)
        variables = self.get(content=False)
        artifact = {**variables["artifact"], "content": read_content(self._subject)}
        return {**variables, "artifact": artifact}


def _violation(compiled: _Compiled, variables: _Variables) -> PolicyViolation | None:
    policy, rule = compiled.policy, compiled.rule
    try:
        if rule.holds(variables.get(content=rule.reads_content)):
            return None
    except UnjudgeableError as error:
        return PolicyViolation(policy.name, "error", f"the rule cannot be evaluated: {error}")
    text = printable((policy.rule or "").strip())[:_RULE_CHARACTERS]
    message = policy.message or f"the artifact violates the rule {text}"
    return PolicyViolation(policy.name, policy.severity, message)


def _compile_error(problems: list[tuple[str, str]]) -> ConfigError:
    details = {"problems": [{"path": path, "message": text} for path, text in problems]}
    lines = [f"{path}: {text}" for path, text in problems]
    if len(lines) == 1:
        return ConfigError(lines[0], details)
    return ConfigError("\n  ".join([f"{len(lines)} policies do not compile", *lines]), details)
