"""Attaches signed statements to artifacts, for admission controllers."""
