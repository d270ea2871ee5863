"""Shared set-up for tests of policies: promoted artifacts, their layers, and rules."""

import json

from engine.adapters.policy import CelPolicies, compile_policies
from engine.config.plugins import Policy
from engine.domain.policy import PolicySubject, PolicyViolation
from tests.builders import Artifact, image

JSON = "application/vnd.acme.models.v1+json"


class Blobs:
    """The layers of an artifact, and which of them were asked for."""

    def __init__(self, artifact: Artifact) -> None:
        self._by_digest = {
            layer.digest: blob
            for layer, blob in zip(
                artifact.manifest.view.layers or (), artifact.blobs[1:], strict=False
            )
        }
        self.asked: list[str] = []

    def __call__(self, digest: str, limit: int) -> bytes:
        self.asked.append(digest)
        assert len(self._by_digest[digest]) <= limit
        return self._by_digest[digest]


def policies(*rules: str, severity: str = "error", message: str = "") -> CelPolicies:
    names = [f"rule-{number}" for number in range(1, len(rules) + 1)]
    return compile_policies(
        Policy(name=name, rule=rule, severity=severity, message=message)
        for name, rule in zip(names, rules, strict=True)
    )


def on_its_way(artifact: Artifact, blobs: Blobs | None = None) -> PolicySubject:
    return PolicySubject(artifact.manifest, "v1.2.3", "dev", "staging", blobs or Blobs(artifact))


def content(*documents: object, **extra: object) -> Artifact:
    """An artifact whose layers are JSON."""
    layers = [json.dumps(document).encode() for document in documents]
    return image(*layers, layer_type=JSON, **extra)


def violations(rule: str, artifact: Artifact) -> tuple[PolicyViolation, ...]:
    return policies(rule).enforce(on_its_way(artifact)).violations


def reason(rule: str, artifact: Artifact) -> str:
    """Why `rule`, a mere warning, cannot be evaluated and blocks."""
    [found] = policies(rule, severity="warning").enforce(on_its_way(artifact)).violations
    assert found.severity == "error"
    prefix = "the rule cannot be evaluated: "
    assert found.message.startswith(prefix)
    return found.message.removeprefix(prefix)
