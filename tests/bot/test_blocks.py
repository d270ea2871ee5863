"""Rendered messages: every state, untrusted text, Slack's limits."""

import json
import os
import re
from pathlib import Path

import pytest

from bot.block_kit_limits import message_problems, view_problems
from bot.blocks.elements import escape, format_duration, format_time, quote
from bot.blocks.ephemeral import refusal, render_help, suggest_command
from bot.blocks.gates import gate_lines
from bot.blocks.home import Waiting, loading_modal, render_home, render_home_error
from bot.blocks.lock import LockEnd, banner, ended_banner
from bot.blocks.newer_blocks import without_newer_blocks
from bot.blocks.status import render_status
from bot.modals import (
    Draft,
    RollbackPreview,
    lock_form,
    message_modal,
    promote_form,
    reject_form,
    rollback_form,
    unlock_form,
)
from engine.domain.artifact import Digest
from engine.domain.change import ChangeState
from engine.domain.errors import LedgerUnreadableError
from engine.domain.gate import GateKind, GateResult, GateStatus
from engine.domain.impact.analysis import ImpactAnalysis
from engine.domain.record import RegistrySync
from engine.domain.state import EMPTY, EnvironmentState, LockState
from engine.domain.status import EnvironmentStatus
from tests.bot.samples import (
    HOSTILE,
    NOON,
    PASSED,
    RENDERING,
    direct_messages,
    hostile,
    messages,
    sample,
)

SNAPSHOTS = Path(__file__).parent / "snapshots"
STATES = list(ChangeState)
# Markup that Slack acts on (mention, link, date), except the expected ones.
_MARKUP = re.compile(
    r"<(?!(?:@U0|!subteam\^S01>|!date\^|https://(?:acme\.slack|floe\.acme)\.com[/|]))"
)


def texts(given: object) -> list[str]:
    """Every text with markup in `given`."""
    if isinstance(given, list | tuple):
        return [text for item in given for text in texts(item)]
    if not isinstance(given, dict):
        return []
    own = [str(given["text"])] if given.get("type") == "mrkdwn" else []
    return own + [text for item in given.values() for text in texts(item)]


def every_message(change, results=(PASSED,)):
    return [*messages(change, results), *direct_messages(change)]


@pytest.mark.parametrize("state", STATES)
def test_messages_of_every_state_match_their_snapshots(state):
    shown = [[w.key, w.broadcast, w.payload.arguments] for w in every_message(sample(state))]
    file = SNAPSHOTS / f"{state.value}.json"
    if os.environ.get("FLOE_WRITE_SNAPSHOTS"):
        file.write_text(json.dumps(shown, indent=1, ensure_ascii=False) + "\n")

    assert shown == json.loads(file.read_text())


@pytest.mark.parametrize("state", STATES)
def test_untrusted_text_stays_within_limits_and_mentions_no_one(state):
    results = (GateResult(gate=GateKind.TESTS, status=GateStatus.FAILED, error=HOSTILE),) * 50

    for wanted in every_message(hostile(state), results):
        arguments = wanted.payload.arguments
        assert message_problems(arguments) == []
        plainer = without_newer_blocks(arguments["blocks"])
        assert message_problems(arguments | {"blocks": plainer}) == []
        for text in [wanted.payload.text, *texts(arguments["blocks"]), *texts(plainer)]:
            assert not _MARKUP.search(text), text
            assert "\x07" not in text
            assert "\u202e" not in text


def test_fifty_gates_fit_and_failed_gates_are_shown():
    passed = GateResult(gate=GateKind.TESTS, status=GateStatus.PASSED)
    failed = GateResult(gate=GateKind.COST_ANALYSIS, status=GateStatus.FAILED, error="too dear")

    change = sample(ChangeState.BLOCKED, gate_results=(*[passed] * 49, failed))
    root = next(iter(messages(change))).payload.arguments

    assert message_problems(root) == []
    assert "too dear" in json.dumps(root["blocks"][2])


def test_gates_that_end_together_share_a_message():
    results = [
        GateResult(gate=GateKind.TESTS, status=GateStatus.PASSED, duration_ms=1500),
        GateResult(gate=GateKind.COST_ANALYSIS, status=GateStatus.FAILED, error=HOSTILE),
    ]

    payload = gate_lines("c-1:gates:0", sample(ChangeState.CHECKING), results)

    assert payload.text == "v1.0.0 → prod: tests passed, cost analysis failed"
    assert message_problems(payload.arguments) == []


def test_only_an_open_approval_request_has_buttons():
    for state in STATES:
        for wanted in messages(sample(state)):
            found = [b["block_id"] for b in wanted.payload.blocks if b["type"] == "actions"]
            waits = (ChangeState.AWAITING_APPROVAL, ChangeState.SCHEDULED)
            expected = {"ask": ["decide:c-00000001"]} if state in waits else {}
            if state is ChangeState.SCHEDULED:
                expected["root"] = ["schedule:c-00000001"]
            assert found == expected.get(wanted.key.partition(":")[2], [])


@pytest.mark.requirement("FR-030")
@pytest.mark.parametrize(
    ("state", "places"),
    [(ChangeState.AWAITING_APPROVAL, ("ask",)), (ChangeState.PROMOTED, ("root", "end"))],
)
def test_warnings_are_shown_beside_the_buttons_and_after_the_end(state, places):
    said = ("Artifact is unsigned", "the secondary registry eu.acme.com/app does not have it")

    shown = {w.key: texts(w.payload.arguments) for w in messages(sample(state, warnings=said))}

    for place in places:
        whole = " ".join(shown[f"c-00000001:{place}"])
        assert all(f"*Warning:* {warning}" in whole for warning in said), place


@pytest.mark.requirement("FR-030")
def test_status_names_secondaries_without_the_running_version():
    missed = RegistrySync(registry="eu.acme.com/app", status="failed", error="it is down")
    row = EnvironmentStatus("prod", EnvironmentState(version="v1.0.0"), None, None, (missed,))

    shown = " ".join(texts(render_status([row], [], NOON, RENDERING).arguments))

    assert "not on eu.acme.com/app" in shown


def test_drifted_environment_shows_the_deployed_version_and_the_restore_command():
    state = EnvironmentState(version="v1.4.4", digest="sha256:" + "a" * 64)
    latest = Digest("sha256:" + "b" * 64)
    row = EnvironmentStatus("prod", state, latest, None, latest_version="v1.4.0")

    payload = render_status([row], [], NOON, RENDERING)
    shown = " ".join(texts(payload.arguments))

    assert "deployed: v1.4.0, moved outside floe; should be v1.4.4" in shown
    assert "floe platform restore --env prod" in shown
    assert payload.text == "prod v1.4.0 (should be v1.4.4)"


def test_first_environment_shows_the_version_of_the_newest_build():
    row = EnvironmentStatus("dev", EMPTY, None, None, published="v1.5.0")

    payload = render_status([row], [], NOON, RENDERING)

    assert "*dev* v1.5.0 · published by the build" in texts(payload.arguments)
    assert payload.text == "dev v1.5.0"


def test_unreadable_environment_shows_its_error():
    error = LedgerUnreadableError("The ledger of 'prod' is corrupt")
    row = EnvironmentStatus("prod", EMPTY, None, None, error=error)

    payload = render_status([row], [], NOON, RENDERING)
    shown = " ".join(texts(payload.arguments))

    assert "cannot be read: The ledger of 'prod' is corrupt" in shown
    assert payload.text == "prod cannot be read"


def test_only_expired_failed_and_rolled_back_changes_are_broadcast():
    text = {s: [w.key for w in messages(sample(s)) if w.broadcast] for s in STATES}
    rollback = sample(ChangeState.PROMOTED, action="rollback", reason="5xx")

    assert {state for state, keys in text.items() if keys} == {
        ChangeState.BLOCKED,
        ChangeState.EXPIRED,
    }
    assert [w.key for w in messages(rollback) if w.broadcast] == ["c-00000001:end"]


def test_status_starts_with_words_before_the_emoji():
    for state in STATES:
        root = next(iter(messages(sample(state)))).payload
        status = root.arguments["blocks"][1]["fields"][0]["text"]
        status, text = (re.sub(r"<!date\^[^>]*>", "a date", each) for each in (status, root.text))
        assert re.fullmatch(r"\*Status\*\n[A-Z][\w ,/]+ :\w+:", status), status
        assert ":" not in text.replace("v1.0.0: ", "")


LOCK = LockState(reason=HOSTILE, operator="bob@acme.com", operator_id="x", at=NOON, expires_at=NOON)


def test_banners_status_and_answers_stay_within_limits():
    over = LockEnd("bob@acme.com", NOON.replace(hour=13), 2)
    rows = tuple(
        EnvironmentStatus(name, EnvironmentState(version="v1.0.0", operator=HOSTILE), None, LOCK)
        for name in ("dev", "staging", "prod")
    )
    changes = [hostile(state) for state in STATES] * 10
    payloads = [
        banner("lock:prod", "prod", LOCK, 3, RENDERING),
        ended_banner("lock:prod", "prod", LOCK, over, RENDERING),
        ended_banner("lock:prod", "prod", LOCK, LockEnd(None, NOON, 0), RENDERING),
        render_status(rows, changes, NOON, RENDERING),
        refusal("Not started", HOSTILE * 20, suggest_command(HOSTILE * 20)),
        *(render_help(name, RENDERING) for name in ("/promote", "/lock", "/else")),
    ]

    for payload in payloads:
        assert message_problems(payload.arguments) == []
        assert not [t for t in texts(payload.arguments["blocks"]) if _MARKUP.search(t)]
    assert "unlocked by <@U02BOB> after 1 h, 2 changes can continue" in payloads[1].text


def test_modals_and_homes_stay_within_limits():
    impact = ImpactAnalysis(
        breaking_changes=(HOSTILE,) * 50,
        affected_products=(HOSTILE,) * 50,
        versions_undone=("v1.0.0",) * 200,
        seconds_undone=100,
        recommendations=(HOSTILE,) * 20,
    )
    change = hostile(ChangeState.AWAITING_APPROVAL)
    waiting = [
        Waiting(change.model_copy(update={"id": f"c-{n:08x}"}), "https://acme.slack.com/a")
        for n in range(50)
    ]
    views = [
        promote_form(RENDERING, {}, Draft("v1.0.0", "prod")),
        rollback_form(
            RENDERING, RollbackPreview("v1.0.0", "prod", "v2.0.0", impact, 1), {}, HOSTILE * 4
        ),
        rollback_form(RENDERING, RollbackPreview("v1.0.0", "prod", None, None, 0), {}, ""),
        lock_form(RENDERING, {}, Draft(target="prod", duration="30m")),
        unlock_form(HOSTILE, "Unlock an-environment-with-a-rather-long-name", {}),
        reject_form(change, {}),
        message_modal("Roll back an-environment-with-a-long-name", escape(HOSTILE * 10, 2000)),
        loading_modal("Roll back an-environment-with-a-long-name"),
        render_home(waiting, (), [change] * 50, NOON, RENDERING),
        render_home([], (), [], NOON, RENDERING),
        render_home_error(HOSTILE * 10),
    ]

    for view in views:
        assert view_problems(view) == []


def test_help_of_a_command_fits_one_screen():
    for command in ("/promote", "/rollback", "/lock", "/unlock", "/promotions"):
        shown = "\n".join(texts(render_help(command, RENDERING).arguments["blocks"]))
        assert len(shown.splitlines()) <= 25


def test_refusal_is_one_line_with_the_next_step_and_shows_the_trace_id():
    payload = refusal("Not started", "prod is locked", "Ask the locker", "1" * 32)

    assert payload.text == "Not started: prod is locked. Ask the locker"

    assert message_problems(payload.arguments) == []
    assert texts(payload.arguments["blocks"]) == [
        "*Not started:* prod is locked. Ask the locker",
        f"Trace ID: `{'1' * 32}`",
    ]


def test_text_is_never_cut_inside_an_escape_sequence():
    assert escape("&" * 20, 12) == "&amp;" * 2 + "…"
    assert escape("a\x07" * 20, 12) == "a\\x07a\\x07a…"
    assert escape("short & sweet", 20) == "short &amp; sweet"
    assert quote("a\n\n<b>\n" + "c\n" * 30).splitlines()[:2] == ["> a", "> &lt;b&gt;"]


def test_times_and_durations_are_readable():
    assert format_time(NOON) == "<!date^1788264000^{date_short_pretty} {time}|2026-09-01 12:00 UTC>"
    assert [format_duration(s) for s in (-1, 42, 2820, 7500, 273_600)] == [
        "0 s",
        "42 s",
        "47 min",
        "2 h 5 min",
        "3 d 4 h",
    ]
