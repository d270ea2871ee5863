"""The facts of a request, read once and in parallel. Planning reads the registry only here."""
