"""Pure functions that render messages and views as Block Kit."""
