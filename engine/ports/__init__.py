"""The interfaces that the engine needs from the outside world; adapters implement them."""

from engine.ports.gates import (
    NO_PROGRESS,
    GateRunner,
    GateSubject,
    NoProgress,
    Progress,
    StoppedError,
)
from engine.ports.ledger import Ledger, LedgerReader
from engine.ports.policy_enforcer import NoPolicies, PolicyEnforcer
from engine.ports.registry import AuthenticatingRegistry, Registry, RegistryReader, Upload
from engine.ports.state import Clock, DueAttempts, EntryClaims, Heads, Leases, RefusalCounter
from engine.ports.verifier import NoVerifier, Verifier

__all__ = [
    "NO_PROGRESS",
    "AuthenticatingRegistry",
    "Clock",
    "DueAttempts",
    "EntryClaims",
    "GateRunner",
    "GateSubject",
    "Heads",
    "Leases",
    "Ledger",
    "LedgerReader",
    "NoPolicies",
    "NoProgress",
    "NoVerifier",
    "PolicyEnforcer",
    "Progress",
    "RefusalCounter",
    "Registry",
    "RegistryReader",
    "StoppedError",
    "Upload",
    "Verifier",
]
