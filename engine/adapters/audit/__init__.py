"""Where records are copied for compliance; each backend is loaded only when configured."""

from engine.adapters.audit.loading import open_backend

__all__ = ["open_backend"]
