"""App Homes: what waits for somebody, what runs where, what they asked for."""

import pytest

from tests.bot.stage import ALICE, BOB, eventually, said


def opened(stage, user):
    stage.event({"type": "app_home_opened", "user": user, "tab": "home", "channel": "D1"})
    return eventually(lambda: stage.slack.homes.get(user))


@pytest.mark.requirement("SL-003")
def test_what_waits_for_an_approver_is_first_with_a_link_to_it(stage):
    change = stage.awaiting()
    eventually(lambda: stage.slack.called("chat.getPermalink"))

    home = eventually(
        lambda: (h := opened(stage, BOB)) and "https://acme.slack.com/" in said(h) and h
    )

    assert "Waiting for you (1)" in said(home)
    assert f"wait:{change.id}" in said(home)
    assert "v1.0.0" in said(home)


def test_the_requester_has_nothing_to_decide_and_sees_what_they_asked_for(stage):
    stage.awaiting()

    home = opened(stage, ALICE)

    assert "Waiting for you (0)" in said(home)
    assert "awaiting approval, 0 of 1 approvals" in said(home)


def test_a_home_that_is_open_follows_what_happens(stage):
    assert "Waiting for you (0)" in said(opened(stage, BOB))

    stage.awaiting()

    eventually(lambda: "Waiting for you (1)" in said(stage.slack.homes[BOB]))


def test_how_many_have_agreed_is_counted_only_while_it_waits(stage):
    change = stage.awaiting()
    opened(stage, ALICE)

    stage.click("floe_approve", change.id, BOB)

    eventually(lambda: "prod · promoted · asked by" in said(stage.slack.homes[ALICE]))


def test_a_guest_sees_nothing(stage):
    stage.slack.users[BOB]["is_ultra_restricted"] = True

    home = opened(stage, BOB)

    assert "Not shown" in said(home)
    assert "staging" not in said(home)


def test_the_messages_tab_is_no_home(stage):
    stage.event({"type": "app_home_opened", "user": BOB, "tab": "messages"})
    opened(stage, ALICE)

    assert BOB not in stage.slack.homes
