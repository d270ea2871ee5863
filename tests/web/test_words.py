"""Formatting of times, sizes and versions."""

from web.formatting import rank


def test_versions_are_sorted_and_invalid_ones_come_first() -> None:
    found = sorted(["v1.10.0", "v1.9.0", "moon", "v1.10.0-rc.1", "v1.10.0-rc.beta"], key=rank)

    assert found == ["moon", "v1.9.0", "v1.10.0-rc.1", "v1.10.0-rc.beta", "v1.10.0"]
