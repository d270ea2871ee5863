"""
Contract tests for plug-ins: a test class derives from the one of its kind, and pytest runs it.

They load the plug-in from its installed package, as floe does.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from engine.domain.artifact import Digest, Tag
from engine.domain.manifest import IMAGE_MANIFEST
from engine.domain.operator import IdentitySource
from engine.domain.record import LockRecord
from engine.ports.plugins import GATES, NOTIFIERS, POLICY_ENFORCERS
from engine.runtime.plugins import find_plugin
from floe.plugins import (
    AuditBackendPlugin,
    AuditSettings,
    GateAnswer,
    GateCommand,
    GatePlugin,
    GateSubject,
    Manifest,
    NotifierPlugin,
    PluginSettings,
    PolicyPlugin,
    PolicySubject,
)

__all__ = [
    "AuditBackendContract",
    "GateContract",
    "NotifierContract",
    "PolicyContract",
    "gate_subject",
    "policy_subject",
]
_THREADS = 8
_EVENT: Mapping[str, Any] = {
    "event_type": "promote",
    "promotion_id": "5f0c3c52-8f5e-4a37-9d8c-0d5e0d2a9a11",
    "anchor": None,
    "artifact_tag": "v1.0.0-staging",
    "version": "v1.0.0",
    "environment": "staging",
    "operator": "alice@acme.com",
    "timestamp": "2026-01-31T09:00:00Z",
}


def gate_subject(version: str = "v1.0.0", target: str = "staging") -> GateSubject:
    """Make the subject of a gate: `version` on its way from dev to `target`."""
    digest = Digest.of(version.encode())
    reference = f"registry.example.com/acme/platform@{digest}"
    return GateSubject(reference, digest, Tag(f"{version}-dev"), version, "dev", target)


def policy_subject(
    annotations: Mapping[str, str] | None = None, version: str = "v1.0.0", target: str = "staging"
) -> PolicySubject:
    """Make the subject of a policy: an image with `annotations` and one layer."""
    layer = b"layer"
    descriptor = {
        "mediaType": "application/vnd.oci.image.layer.v1.tar",
        "digest": f"sha256:{sha256(layer).hexdigest()}",
        "size": len(layer),
    }
    document = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": {**descriptor, "mediaType": "application/vnd.oci.image.config.v1+json"},
        "layers": [descriptor],
        "annotations": dict(annotations or {}),
    }
    manifest = Manifest(json.dumps(document).encode(), IMAGE_MANIFEST)
    return PolicySubject(manifest, version, "dev", target, lambda _digest, _limit: layer)


class _Contract:
    package: ClassVar[str]
    """The name of the installed package."""
    name: ClassVar[str]
    """The name of the entry point."""
    options: ClassVar[Mapping[str, Any]] = {}
    """The options in manifest.yaml."""
    group: ClassVar[str]

    def load(self) -> Any:
        """Load the object of the entry point."""
        return find_plugin(self.group, self.package, self.name).load()

    def settings(self, base: Path) -> PluginSettings:
        """Make the settings; override it to write files into `base` first."""
        return PluginSettings(self.options, base)


class GateContract(_Contract, ABC):
    """The contract of floe.gates."""

    group = GATES

    @abstractmethod
    def subjects(self) -> tuple[GateSubject, GateSubject]:
        """Return a subject that the gate accepts, and one that it refuses."""

    def test_entry_point_is_a_gate(self) -> None:
        made = self.load()

        is_class = isinstance(made, type) and issubclass(made, GatePlugin)
        assert is_class or isinstance(made, GateCommand)

    def test_answers_are_verdicts_with_reasons(self, tmp_path: Path) -> None:
        settings = self.settings(tmp_path)
        answers = [self._judge(settings, subject) for subject in self.subjects()]

        assert all(type(answer) is GateAnswer for answer in answers)
        assert [answer.passed for answer in answers] == [True, False]
        assert answers[1].reason.strip()

    def test_gate_answers_the_same_in_parallel_threads(self, tmp_path: Path) -> None:
        settings, subjects = self.settings(tmp_path), self.subjects() * _THREADS
        alone = [self._judge(settings, subject).passed for subject in subjects]

        with ThreadPoolExecutor(_THREADS) as pool:
            together = list(pool.map(lambda each: self._judge(settings, each).passed, subjects))

        assert together == alone

    def _judge(self, settings: PluginSettings, subject: GateSubject) -> GateAnswer:
        answer: GateAnswer = self.load()(settings).judge(subject)
        return answer


class PolicyContract(_Contract, ABC):
    """The contract of floe.policy_enforcers."""

    group = POLICY_ENFORCERS

    @abstractmethod
    def subjects(self) -> tuple[PolicySubject, PolicySubject]:
        """Return a subject that meets the rule, and one that violates it."""

    def test_entry_point_is_a_policy(self) -> None:
        assert issubclass(self.load(), PolicyPlugin)

    def test_violations_are_sentences(self, tmp_path: Path) -> None:
        good, bad = (
            self.load()(self.settings(tmp_path)).violations(subject) for subject in self.subjects()
        )

        assert isinstance(good, list | tuple) and not good
        assert isinstance(bad, list | tuple) and bad
        assert all(isinstance(each, str) and each.strip() for each in bad)


class NotifierContract(_Contract, ABC):
    """The contract of floe.notifiers."""

    group = NOTIFIERS

    def test_entry_point_is_a_notifier(self) -> None:
        assert issubclass(self.load(), NotifierPlugin)

    def test_event_may_come_twice(self, tmp_path: Path) -> None:
        for _ in range(2):
            self.load()(self.settings(tmp_path)).notify(_EVENT)


class AuditBackendContract(_Contract, ABC):
    """The contract of floe.audit_backends."""

    group = "floe.audit_backends"

    def open(self, base: Path) -> AuditBackendPlugin:
        """Open the backend with its files in `base`."""
        backend: AuditBackendPlugin = self.load()(AuditSettings(base, self.options))
        return backend

    def test_entry_point_makes_a_backend(self, tmp_path: Path) -> None:
        assert isinstance(self.open(tmp_path), AuditBackendPlugin)

    def test_record_is_stored_once_and_read_newest_first(self, tmp_path: Path) -> None:
        first, second, other = _lock("prod", 1), _lock("prod", 2), _lock("dev", 3)
        for record in (first, second, first, other):
            self.open(tmp_path).append(record)

        backend = self.open(tmp_path)

        assert backend.query_history("prod", 10) == [second, first]
        assert backend.query_history("prod", 1) == [second]
        assert sorted(each.id for each in backend.records("prod")) == sorted([first.id, second.id])


def _lock(environment: str, number: int) -> LockRecord:
    return LockRecord(
        lock_id=UUID(int=number),
        environment=environment,
        reason=f"INC-{number}",
        locked_at=datetime(2026, 1, 31, 9, number, tzinfo=UTC),
        operator="alice@acme.com",
        operator_id="alice",
        identity_source=IdentitySource.OS,
        identity_verified=True,
        trace_id=f"{number:032x}",
        policy_digest=f"sha256:{number:064x}",
    )
