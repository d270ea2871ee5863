"""The ledger: one chain of records per environment, kept in the registry beside the artifacts."""
