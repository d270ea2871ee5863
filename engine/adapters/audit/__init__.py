"""Audit backends: copies of the records for compliance. Only the configured one is loaded."""

from engine.adapters.audit.loading import open_backend

__all__ = ["open_backend"]
