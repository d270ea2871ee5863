"""Transparency logs: stored checkpoints, exports and witnesses."""
