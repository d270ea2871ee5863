"""Tests of floe."""
