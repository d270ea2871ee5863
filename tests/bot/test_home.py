"""App Homes: what waits for somebody, what runs where, what they asked for."""

import pytest

from tests.bot.stage import ALICE, BOB, block_text, eventually


def opened(stage, user):
    stage.event({"type": "app_home_opened", "user": user, "tab": "home", "channel": "D1"})
    return eventually(lambda: stage.slack.homes.get(user))


@pytest.mark.requirement("SL-003")
def test_what_waits_for_an_approver_is_first_with_a_link_to_it(stage):
    change = stage.waiting_change()
    eventually(lambda: stage.slack.called("chat.getPermalink"))

    home = eventually(
        lambda: (h := opened(stage, BOB)) and "https://acme.slack.com/" in block_text(h) and h
    )

    assert "Waiting for you (1)" in block_text(home)
    assert f"wait:{change.id}" in block_text(home)
    assert "v1.0.0" in block_text(home)


def test_the_requester_has_nothing_to_decide_and_sees_what_they_asked_for(stage):
    stage.waiting_change()

    home = opened(stage, ALICE)

    assert "Waiting for you (0)" in block_text(home)
    assert "awaiting approval, 0 of 1 approvals" in block_text(home)


def test_a_home_that_is_open_follows_what_happens(stage):
    assert "Waiting for you (0)" in block_text(opened(stage, BOB))

    stage.waiting_change()

    eventually(lambda: "Waiting for you (1)" in block_text(stage.slack.homes[BOB]))


def test_how_many_have_agreed_is_counted_only_while_it_waits(stage):
    change = stage.waiting_change()
    opened(stage, ALICE)

    stage.click("floe_approve", change.id, BOB)

    eventually(lambda: "prod · promoted · requested by" in block_text(stage.slack.homes[ALICE]))


def test_a_guest_sees_nothing(stage):
    stage.slack.users[BOB]["is_ultra_restricted"] = True

    home = opened(stage, BOB)

    assert "Not shown" in block_text(home)
    assert "staging" not in block_text(home)


def test_the_messages_tab_is_no_home(stage):
    stage.event({"type": "app_home_opened", "user": BOB, "tab": "messages"})
    opened(stage, ALICE)

    assert BOB not in stage.slack.homes
