"""Policies: rules about artifacts, written in CEL (https://cel.dev)."""

from engine.adapters.policy.enforcer import CelPolicies, compile_policies

__all__ = ["CelPolicies", "compile_policies"]
