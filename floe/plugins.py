"""The interfaces of plug-ins, and the values that they get. docs/plug-ins.md has an example."""

from engine.domain.errors import AuditUnavailableError
from engine.domain.manifest import Manifest
from engine.domain.policy import PolicySubject
from engine.domain.record import AnyRecord, PromotionRecord, RollbackRecord, record_from_bytes
from engine.ports.audit_backend import AuditBackendPlugin, AuditSettings
from engine.ports.gates import GateSubject
from engine.ports.plugins import (
    GateAnswer,
    GateCommand,
    GatePlugin,
    NotifierPlugin,
    PluginSettings,
    PolicyPlugin,
)

__all__ = [
    "AnyRecord",
    "AuditBackendPlugin",
    "AuditSettings",
    "AuditUnavailableError",
    "GateAnswer",
    "GateCommand",
    "GatePlugin",
    "GateSubject",
    "Manifest",
    "NotifierPlugin",
    "PluginSettings",
    "PolicyPlugin",
    "PolicySubject",
    "PromotionRecord",
    "RollbackRecord",
    "record_from_bytes",
]
