"""The audit of the ledger: what it says, and whether it can be believed."""
