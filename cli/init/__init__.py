"""The answers and files of `floe init`."""
