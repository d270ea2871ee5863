"""The versions that may run in an environment: a rollback withdraws all that came since."""

import pytest

from engine.domain.current import runnable
from engine.domain.record import AnyRecord
from tests.domain.records import a_promotion, a_rollback, one_of_each

LOCK = next(record for record in one_of_each() if record.kind == "lock")


def records(story: str) -> list[AnyRecord]:
    """`A B <A` promotes A and B and rolls back to A; `.` is a lock. Newest first."""
    made: list[AnyRecord] = []
    for word in story.split():
        name = word.removeprefix("<")
        fields = {"version": name, "artifact_digest": f"sha256:{name.lower() * 64}"}
        if name == ".":
            made.append(LOCK)
        else:
            made.append(a_rollback(**fields) if word != name else a_promotion(**fields))
    return made[::-1]


@pytest.mark.parametrize(
    ("story", "keep", "expected"),
    [
        ("A", 2, "A"),
        ("A B C", 0, "C"),
        ("A B C", 1, "C B"),
        ("A . B . C", 5, "C B A"),
        ("A B <A", 5, "A"),
        ("A B C <A", 5, "A"),
        ("A B C <B", 5, "B A"),
        ("A B <A C", 5, "C A"),
        ("A B <A B", 5, "B A"),
        ("A B A", 5, "A B"),
        ("B A B <A", 5, "A"),
        ("A B C <B <A", 5, "A"),
        ("A B C <A <C", 5, "C B"),
        ("A B C <B D <B", 5, "B A"),
    ],
)
def test_versions_that_may_run(story: str, keep: int, expected: str) -> None:
    found = runnable(records(story), keep)

    assert " ".join(each.version for each in found) == expected


def test_no_more_records_are_read_than_needed() -> None:
    newest = iter(records("A B C"))

    runnable(newest, 0)

    assert next(newest) is not None
