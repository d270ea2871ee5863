"""Transparency logs: Merkle trees (RFC 6962), signed checkpoints and tiles (C2SP)."""
