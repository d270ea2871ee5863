"""Statements of the versions that may run."""
