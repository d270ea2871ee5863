"""Accepted actions get the time of the store, and run on the server that leads."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.blocks.elements import Payload
from bot.blocks.ephemeral import note
from bot.database import BotStore, bot_database
from bot.dispatcher import Dispatcher
from bot.ephemeral import EphemeralStore
from bot.inbox import Action, Inbox, Origin, new_action
from bot.message_store import MessageStore
from bot.outbox import Outbox
from bot.sender import Sender
from bot.webapi import SlackApi, web_client
from engine.bootstrap.leader import Leader
from tests.bot.fake_slack import BOT_TOKEN
from tests.bot.stage import ALICE, DEPLOYS, eventually

_NOW = 1_000_000_000.0


class Election(Leader):
    """An election whose result a test sets."""

    def __init__(self) -> None:
        super().__init__(None)
        self.won = True

    def leads(self) -> bool:
        return self.won


class Stage:
    """A dispatcher with one thread, whose actions wait for `go`, and a store with its own clock."""

    def __init__(self, folder: Path) -> None:
        self.store = BotStore(bot_database(folder), lambda: _NOW)
        self.inbox = Inbox(self.store)
        self.election, self.go = Election(), threading.Event()
        self.handled: list[Action] = []
        messages, self.ephemerals = MessageStore(self.store), EphemeralStore(self.store)
        api = SlackApi(web_client(BOT_TOKEN, "http://127.0.0.1:9/api/"))
        outbox = Outbox(
            Sender(api, messages, self.store), messages, self.ephemerals, lambda _key: None
        )
        self.dispatcher = Dispatcher(
            self.store, self.inbox, self.ephemerals, outbox, self._handle, self.election, threads=1
        )

    def _handle(self, action: Action) -> Payload | None:
        self.handled.append(action)
        self.go.wait(30)
        return note("done")

    def accept(self, delivery: str) -> None:
        action = new_action("promote", Origin(ALICE, "T1", DEPLOYS), {}, delivery)
        assert self.dispatcher.accept(action)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.go.set()
    made.dispatcher.stop()
    made.store.close()


def test_request_is_stored_and_run_with_the_time_of_the_store(stage: Stage) -> None:
    stage.accept("1")

    eventually(lambda: stage.handled)
    assert [action.at for action in stage.inbox.pending()] == [_NOW]
    assert [action.at for action in stage.handled] == [_NOW]


def test_waiting_action_is_left_to_the_next_leader(stage: Stage) -> None:
    stage.accept("1")
    eventually(lambda: stage.handled)
    stage.accept("2")

    stage.election.won = False
    stage.go.set()
    eventually(lambda: len(stage.inbox.pending()) == 1)
    stage.dispatcher.stop()

    assert len(stage.handled) == 1
    assert [action.tries for action in stage.inbox.pending()] == [0]


@pytest.mark.parametrize("again", [False, True])
def test_only_the_latest_attempt_finishes_the_action_and_answers(stage: Stage, again: bool) -> None:
    stage.accept("1")
    eventually(lambda: stage.handled)
    latest = stage.handled[0]
    if again:
        latest = stage.inbox.start_attempt(latest) or latest
    stage.go.set()
    stage.dispatcher.stop()

    assert len(stage.ephemerals.due(_NOW)) == (0 if again else 1)
    assert stage.inbox.finish(latest) is again


def test_attempt_after_those_of_other_servers_is_finished(stage: Stage) -> None:
    stage.election.won = False
    stage.accept("1")
    [read] = stage.inbox.pending()
    stage.inbox.start_attempt(read)

    latest = stage.inbox.start_attempt(read)

    assert latest is not None
    assert latest.tries == 2
    assert stage.inbox.finish(latest)
