"""Tries the settings of a manifest on the real systems, and says how to mend each failure."""
