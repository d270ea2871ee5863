"""Public keys, and signed statements in the formats of sigstore. Slow to import."""
