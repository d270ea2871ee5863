"""Freeze windows in the manifest: their mistakes, and their place in the policy."""

from pathlib import Path

import pytest

from engine.domain.policy_changes import compare_policies
from engine.domain.windows import WindowKind
from tests.config.manifest_files import load, manifest, problems, refused
from tests.docs.pages import blocks

START = "TZID=Europe/Berlin:20260320T220000"
FRIDAYS = f"name: fridays, kind: deny, dtstart: '{START}', duration: 8h, rrule: FREQ=WEEKLY"


def with_windows(*windows: str) -> str:
    lines = "".join(f"\n  - {{{each}}}" for each in windows)
    return manifest(promotion=f"windows:{lines}")


def times(rest: str) -> str:
    return with_windows(f"name: w, kind: deny, {rest}")


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        (times("reason: x"), "", "needs dtstart with dtend or duration, or ics"),
        (times(f"dtstart: '{START}'"), "", "needs either dtend or duration"),
        (
            times(f"dtstart: '{START}', dtend: 20260321T000000, duration: 8h"),
            "",
            "needs either dtend or duration",
        ),
        (
            times("dtstart: 'TZID=Mars/Base:20260320T220000', duration: 8h"),
            ".dtstart",
            "names an unknown time zone, 'Mars/Base': write Europe/Berlin",
        ),
        (
            times("dtstart: 20260320T220000, duration: 8h"),
            ".dtstart",
            "must be a time with its zone, like TZID=Europe/Berlin:20260320T220000 or "
            "20260320T210000Z",
        ),
        (times(f"dtstart: '{START}', dtend: tomorrow"), ".dtend", "must be a time like"),
        (times(f"dtstart: '{START}', dtend: 20260320T220000"), ".dtend", "must end after"),
        (times(f"dtstart: '{START}', duration: 8h, rrule: weekly"), ".rrule", "must be parts like"),
        (
            times(f"dtstart: '{START}', duration: 8h, rrule: FREQ=HOURLY"),
            ".rrule",
            "has about 263,520 occurrences, and at most 50,000 can be used",
        ),
        (times("dtstart: 99980101T000000Z, duration: 8h"), ".dtstart", "must start in the years"),
        (
            times(f"dtstart: '{START}', duration: 8h, rrule: FREQ=DAILY;UNTIL=99991231T235959Z"),
            ".rrule",
            "must have an UNTIL before the year 9999",
        ),
        (with_windows(FRIDAYS, FRIDAYS), ".name", "there already is a window named fridays"),
        (
            with_windows(f"{FRIDAYS}, environments: [prod, prd]"),
            ".environments[1]",
            "there is no such environment; did you mean prod?",
        ),
        (times("ics: http://x.example/a.ics"), ".ics", "must be a file or a URL that starts with"),
        (times(f"ics: a.ics, dtstart: '{START}'"), ".dtstart", "has no effect beside ics"),
        (with_windows(f"{FRIDAYS}, operations: [lock]"), ".operations[0]", "must be 'promote' or"),
        (with_windows(f"{FRIDAYS}, environments: []"), ".environments", "is empty"),
        (with_windows(FRIDAYS.replace("deny", "maybe")), ".kind", "must be 'allow' or 'deny'"),
    ],
)
def test_mistake_is_named_with_its_place(
    tmp_path: Path, text: str, path: str, message: str
) -> None:
    (found,) = problems(tmp_path, text)

    assert found.startswith(
        f"artifacts.promotion.windows[{text.count('name: ') - 1}]{path}: {message}"
    )


def test_windows_that_are_slow_to_search_together_are_refused(tmp_path: Path) -> None:
    daily = FRIDAYS.replace("WEEKLY", "DAILY")

    (found,) = problems(
        tmp_path, with_windows(*(daily.replace("fridays", f"w{i}") for i in range(50)))
    )

    assert found == (
        "artifacts.promotion.windows: have about 36,600 occurrences in two years, and at most "
        "20,000 can be used: use fewer windows, or longer intervals"
    )


def test_mistake_has_its_line(tmp_path: Path) -> None:
    error = refused(tmp_path, with_windows(FRIDAYS, "name: w, kind: deny"))

    assert str(error) == (
        f"{tmp_path}/manifest.yaml:9: artifacts.promotion.windows[1]: needs dtstart with dtend or "
        "duration, or ics"
    )


def test_window_is_one_of_its_environments(tmp_path: Path) -> None:
    config = load(tmp_path, with_windows(f"{FRIDAYS}, environments: [staging, prod], reason: no"))

    names = {each.name: [w.name for w in each.windows] for each in config.path.environments}

    assert names == {"dev": [], "staging": ["fridays"], "prod": ["fridays"]}
    assert config.path.windows[0].kind is WindowKind.DENY


def test_policy_document_has_the_windows(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        with_windows(f"{FRIDAYS}, reason: no, contact: x", "name: cal, kind: allow, ics: a.ics"),
    )

    read = {each.name: each for each in config.policy.path.windows}

    assert read["fridays"].times == config.path.windows[0].times
    assert (read["cal"].times, read["fridays"].reason) == (None, "")
    assert b"a.ics" not in config.policy.content


def test_policy_document_has_no_secret_of_a_calendar(tmp_path: Path) -> None:
    text = times("ics: 'https://calendar.example.com/${TOKEN}.ics'")

    policies = [
        load(tmp_path, text, **each).policy for each in ({"TOKEN": "a"}, {"TOKEN": "b"}, {})
    ]
    other = load(tmp_path, text.replace("TOKEN", "OTHER")).policy
    same_file = [load(tmp_path, times(f"ics: {each}")).policy for each in ("a.ics", "x/a.ics")]

    assert len({each.digest for each in policies}) == 1
    assert other.digest != policies[0].digest
    assert same_file[0].digest == same_file[1].digest


def test_rules_without_windows_keep_their_digest(tmp_path: Path) -> None:
    text = manifest(promotion="environments: [{name: prod}]")

    assert "windows" not in load(tmp_path, text).policy.rules
    assert (
        load(tmp_path, text).policy.digest
        == load(
            tmp_path, manifest(promotion="environments: [{name: prod}]\nwindows: []")
        ).policy.digest
    )


def test_approval_survives_a_new_window(tmp_path: Path) -> None:
    """The windows are judged again in any case, like a lock."""
    before, after = (load(tmp_path, text) for text in (manifest(), with_windows(FRIDAYS)))

    assert before.environment_digest("prod") == after.environment_digest("prod")


SLOTS = f"name: slots, kind: allow, dtstart: '{START}', duration: 8h"
MORE = f"name: more, kind: allow, dtstart: '{START}', duration: 9h"


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        ([], [FRIDAYS], ["stricter fridays is added"]),
        ([], [SLOTS], ["stricter slots is added"]),
        ([SLOTS], [SLOTS, MORE], ["looser more is added"]),
        ([], [SLOTS, MORE], ["stricter more is added", "stricter slots is added"]),
        (
            [f"{SLOTS}, environments: [dev]"],
            [f"{SLOTS}, environments: [dev]", MORE],
            ["other more is added"],
        ),
        (
            [f"{SLOTS}, operations: [rollback]"],
            [f"{SLOTS}, operations: [rollback]", MORE],
            ["stricter more is added"],
        ),
        (
            [FRIDAYS],
            [FRIDAYS.replace("8h", "9h")],
            ["other fridays.seconds goes from 28800 to 32400"],
        ),
        (
            [FRIDAYS],
            [f"{FRIDAYS}, environments: [prod]"],
            ["looser fridays.environments goes from not set to [prod]"],
        ),
        (
            [f"{FRIDAYS}, environments: [prod]"],
            [f"{FRIDAYS}, environments: [dev, prod], operations: [promote, rollback]"],
            [
                "stricter fridays.environments goes from [prod] to [dev, prod] (adds dev)",
                "stricter fridays.operations goes from [promote] to [promote, rollback] "
                "(adds rollback)",
            ],
        ),
        (
            [f"{FRIDAYS}, operations: [promote, rollback]"],
            [FRIDAYS],
            [
                "looser fridays.operations goes from [promote, rollback] to [promote] "
                "(removes rollback)"
            ],
        ),
        (
            [FRIDAYS],
            [FRIDAYS.replace("deny", "allow")],
            ["other fridays.kind goes from deny to allow"],
        ),
        ([FRIDAYS, SLOTS], [SLOTS, FRIDAYS], []),
        (["name: c, kind: deny, ics: a.ics"], [], ["looser c is removed"]),
    ],
)
def test_changes_of_windows_are_judged_both_ways(
    tmp_path: Path, before: list[str], after: list[str], kinds: list[str]
) -> None:
    one, two = (
        load(tmp_path, with_windows(*each) if each else manifest()).policy
        for each in (before, after)
    )
    opposite = {"looser": "stricter", "stricter": "looser", "other": "other"}

    there, back = compare_policies(one, two), compare_policies(two, one)

    prefix = "artifacts.promotion.windows."
    assert [f"{each.kind} {each.text.replace(prefix, '')}" for each in there] == kinds
    assert [each.kind for each in back] == [opposite[each.kind] for each in there]


def test_documented_windows_load(tmp_path: Path) -> None:
    [block] = [each for each in blocks("yaml") if "\nwindows:" in each.text]

    config = load(tmp_path, manifest(promotion=block.text))

    assert [each.name for each in config.path.windows] == ["weekends", "public-holidays"]
