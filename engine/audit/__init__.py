"""Audits of ledgers: verification, and the history of records."""
