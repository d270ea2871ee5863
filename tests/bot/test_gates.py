"""Gate progress on the card and in its thread."""

import json
from dataclasses import replace

import pytest

from bot.block_kit_limits import message_problems
from bot.blocks.gates import gate_output
from engine.domain.change import ChangeState
from tests.bot.samples import RENDERING, sample
from tests.bot.stage import ALICE, DEPLOYS, QUICK, block_ids, block_text, eventually, stage_in


def lines(stage, change):
    prefix = f"{change.id}:gates:"
    return [m for m in stage.slack.messages if block_ids(m)[0].startswith(prefix)]


@pytest.mark.requirement("SL-002")
def test_gates_are_counted_on_the_card_and_listed_in_its_thread(tmp_path):
    released = tmp_path / "go"
    waiting = f'sh, -c, "while [ ! -e {released} ]; do sleep 0.05; done"'
    with stage_in(tmp_path, tests=waiting) as stage:
        stage.command("/promote v1.0.0 prod")
        change = stage.change(ChangeState.CHECKING)

        root = eventually(lambda: (r := stage.card()) and "1 of 2 gates" in r["text"] and r)
        tasks = {task["title"]: task["status"] for task in root["blocks"][2]["tasks"]}
        assert tasks == {"tests": "in_progress", "cost analysis": "complete"}
        [first] = eventually(lambda: lines(stage, change))
        assert first["text"] == "v1.0.0 → prod: cost analysis passed"
        assert first["thread_ts"] == root["ts"]
        released.touch()
        stage.change(ChangeState.AWAITING_APPROVAL)

        second = eventually(lambda: lines(stage, change)[1:])
        assert [m["text"] for m in second] == ["v1.0.0 → prod: tests passed"]
        ask = stage.approval_request(change)
        assert float(ask["ts"]) > float(second[0]["ts"])
        assert len(stage.slack.in_channel(DEPLOYS)) == 1


@pytest.mark.requirement("SL-002")
def test_gates_that_finish_within_a_second_share_a_message(stage):
    change = stage.waiting_change()

    [line] = eventually(lambda: lines(stage, change))

    assert "tests" in line["text"]
    assert "cost analysis" in line["text"]


class Lagging:
    """A store whose feed lags behind the changes, and returns one event at a time."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    def events(self, after, limit):
        waits = [c for c in self._store.recent(1) if c.state is ChangeState.AWAITING_APPROVAL]
        return self._store.events(after, 1) if waits else []


@pytest.mark.requirement("SL-002")
def test_approval_request_never_precedes_gate_messages(tmp_path):
    def seen(products):
        products.store = Lagging(products.store)
        return products

    with stage_in(tmp_path, seen=seen) as stage:
        change = stage.waiting_change()

        gates = eventually(lambda: lines(stage, change))
        assert float(gates[-1]["ts"]) < float(stage.approval_request(change)["ts"])
        assert "cost analysis" in gates[-1]["text"]


@pytest.mark.requirement("SL-002")
def test_failed_production_gate_is_broadcast_without_mentions(tmp_path):
    failing = "sh, -c, \"echo '<!channel> & <@U1>' >&2; exit 3\""
    with stage_in(tmp_path, tests=failing) as stage:
        stage.command("/promote v1.0.0 prod")
        change = stage.change(ChangeState.BLOCKED)

        end = eventually(
            lambda: [m for m in stage.slack.messages if block_ids(m)[0] == f"{change.id}:end"]
        )[0]

        assert end["reply_broadcast"] is True
        # Cells of tables have no markup.
        shown = [b for m in stage.slack.messages for b in m["blocks"] if b["type"] != "table"]
        everything = [m["text"] for m in stage.slack.messages] + [json.dumps(b) for b in shown]
        assert not [text for text in everything if "<!channel>" in text or "<@U1>" in text]
        eventually(lambda: "Blocked" in stage.card()["text"])
        assert "/promote v1.0.0 staging prod" in block_text(stage.card())


@pytest.mark.requirement("SL-002")
def test_last_lines_of_a_failed_gate_are_in_its_thread(tmp_path):
    script = tmp_path / "gate.sh"
    lines = [f"line {n} \x1b[31mred\x1b[0m ``` <!channel> & {'x' * (n % 7)}" for n in range(60)]
    script.write_text("\n".join(f"echo '{line}'" for line in lines) + "\nexit 3\n")
    with stage_in(tmp_path, tests=f"sh, {script}") as stage:
        stage.command("/promote v1.0.0 prod")
        change = stage.change(ChangeState.BLOCKED)

        [message] = eventually(
            lambda: [
                m for m in stage.slack.messages if block_ids(m)[0] == f"{change.id}:output:tests"
            ]
        )

        shown, whole = message["blocks"]
        body = shown["text"]["text"].split("```")
        assert body[0] == "Last lines of *tests*:\n"
        listed = body[1].strip().splitlines()
        assert listed[0] == "line 20 red ''' &lt;!channel&gt; &amp; xxxxxx"
        assert (len(listed), listed[-1][:8], body[2]) == (40, "line 59 ", "")
        place = f"https://floe.acme.com/changes/{change.id}#output-tests"
        assert whole["elements"][0]["text"] == f"<{place}|Whole output>"
        assert message["thread_ts"] == stage.card()["ts"]
        assert message["text"] == "v1.0.0 → prod: the last lines of tests"


def test_long_output_is_cut_at_its_start_and_names_the_command():
    output = "".join(f"{n} {'&' * 100}\n" for n in range(40)).encode()
    rendering = replace(RENDERING, page=None, product="checkout")

    payload = gate_output("k", sample(ChangeState.CHECKING), "tests", output, rendering)

    assert message_problems(payload.arguments) == []
    shown = json.dumps(payload.arguments)
    assert "39 &amp;" in shown and "30 &amp;" not in shown
    command = "floe platform changes show --product checkout c-00000001 --output-of tests"
    assert f"Whole output: `{command}`" in shown


@pytest.mark.requirement("SL-001")
def test_only_the_requester_sees_a_refusal_by_a_rule(stage):
    stage.command("/promote v1.0.0 prod", user="U03CAROL")

    [text] = eventually(lambda: stage.private_texts("U03CAROL"))
    assert text.startswith("Not started: Unauthorized")
    stage.change(ChangeState.BLOCKED)
    stage.command("/promotions", user=ALICE)
    eventually(lambda: stage.private_texts(ALICE))
    assert stage.slack.messages == []


@pytest.mark.requirement("SL-001")
@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("/promote v9.9.9 prod", "Nearest there: v1.0.0, v2.0.0"),
        ("/promote v3.0.0 prod", "Promote it to staging first: /promote v3.0.0 staging"),
        ("/promote v1.0.0 staging", "Nothing to do"),
    ],
)
def test_requester_sees_why_a_promotion_cannot_start(stage, typed, text):
    if "Nothing" in text:
        typed = typed.replace("v1.0.0", "v2.0.0")
    stage.publish("v3.0.0")

    stage.command(typed)

    [answer] = eventually(lambda: stage.private_texts(ALICE))
    assert text in answer
    assert stage.slack.messages == []


def test_change_is_announced_where_it_was_requested_without_a_channel(tmp_path):
    with stage_in(tmp_path, channel=None) as stage:
        stage.command("/promote v1.0.0 prod", channel="C09TEAM")

        eventually(lambda: stage.slack.in_channel("C09TEAM"))
        assert stage.slack.in_channel(DEPLOYS) == []


def test_change_from_another_interface_is_announced_and_followed(stage):
    origin = stage.operator("alice@acme.com")
    stage.submit_elsewhere("v1.0.0", origin)

    change = stage.change(ChangeState.AWAITING_APPROVAL)
    stage.approval_request(change)
    assert "alice@acme.com" in stage.card()["text"]


@pytest.mark.requirement("SL-003")
def test_approvers_are_reminded_once_at_half_time(tmp_path):
    with stage_in(tmp_path, expires="12s", tempo=QUICK) as stage:
        change = stage.waiting_change()

        def reminders():
            key = f"{change.id}:reminder"
            return [m for m in stage.slack.messages if block_ids(m)[0] == key]

        [reminder] = eventually(reminders)
        assert "release-managers" in reminder["text"]
        stage.change(ChangeState.EXPIRED)
        assert len(reminders()) == 1
