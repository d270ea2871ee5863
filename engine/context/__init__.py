"""The facts of a request, read once and side by side. Planning reads the world only here."""
