"""The interfaces that the engine needs from the outside world; adapters implement them."""

from engine.ports.gates import SILENT, GateRunner, GateSubject, Progress, Silent, StoppedError
from engine.ports.ledger import Ledger, LedgerReader
from engine.ports.policy_enforcer import NoPolicies, PolicyEnforcer
from engine.ports.registry import AuthenticatingRegistry, Registry, RegistryReader, Upload
from engine.ports.state import Clock, Due, Heads, Leases, Tally
from engine.ports.verifier import NoVerifier, Verifier

__all__ = [
    "SILENT",
    "AuthenticatingRegistry",
    "Clock",
    "Due",
    "GateRunner",
    "GateSubject",
    "Heads",
    "Leases",
    "Ledger",
    "LedgerReader",
    "NoPolicies",
    "NoVerifier",
    "PolicyEnforcer",
    "Progress",
    "Registry",
    "RegistryReader",
    "Silent",
    "StoppedError",
    "Tally",
    "Upload",
    "Verifier",
]
