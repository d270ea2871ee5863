"""Simulated Slack users who request promotions concurrently and click in every possible way."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from threading import Event, Lock
from typing import TypeVar
from urllib.parse import urlencode

from slack_sdk.signature import SignatureVerifier

from engine.domain.change import ChangeState
from tests.bot.fake_slack import FakeSlack, Json
from tests.bot.stage import (
    BOB,
    CAROL,
    SECRET,
    block_ids,
    buttons,
    click_body,
    command_body,
    eventually,
)

REQUESTERS = tuple(f"U1{name}" for name in ("ALICE", "DAVE", "ERIN", "FRANK", "GRACE"))
_PATIENCE, _MOST_REQUESTS = 180, 50
T = TypeVar("T")
# The body and the headers of a request; the status it is answered with.
Post = Callable[[str, dict[str, str]], int]


@dataclass(frozen=True)
class Way:
    """
    An action on a change and its expected outcome.

    `ends` is the final state, None for a change that keeps waiting; `answers` are the fewest and
    the most private answers.
    """

    name: str
    act: "Callable[[Crowd, Case, str], None]"
    ends: ChangeState | None = ChangeState.PROMOTED
    answers: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Case:
    """A promotion that is requested once: version and target are unique."""

    version: str
    source: str
    target: str
    requester: str
    way: Way

    @property
    def channel(self) -> str:
        return f"C{self.target.upper()}"

    @property
    def step(self) -> str:
        return f"{self.version}: {self.source} → {self.target}"


@dataclass
class Crowd:
    """
    The simulated users, who wait up to `patience` seconds for each effect. They repeat a request
    after `repeat_after` seconds without it, and `after_answer` seconds after a private answer.
    `took` are the seconds until each acknowledgement.
    """

    slack: FakeSlack
    post: Post
    patience: float = _PATIENCE
    repeat_after: float = _PATIENCE / 2
    after_answer: float = _PATIENCE / 2
    repeated: int = 0
    took: list[float] = field(default_factory=list)
    done: Callable[[int], None] = lambda _number: None
    _number: "count[int]" = field(default_factory=lambda: count(1))
    _lock: Lock = field(default_factory=Lock)
    _over: Event = field(default_factory=Event)

    def play(self, lanes: Sequence[Sequence[Case]]) -> None:
        """Play all lanes concurrently until one fails, and the cases of a lane in order."""
        with ThreadPoolExecutor(len(lanes)) as pool:
            playing = [pool.submit(self._lane, cases) for cases in lanes]
            wait(playing, return_when=FIRST_EXCEPTION)
            self._over.set()
        for lane in playing:
            lane.result()

    def send(self, body: Json, retries: int = 0) -> None:
        """Send a request as Slack does, and redeliver it `retries` times."""
        form = {"payload": json.dumps(body)} if "type" in body else body
        responses = f"{self.slack.url.removesuffix('/api/')}/response"
        written = urlencode(form).replace("RESPONSES", responses)
        for retry in range(retries + 1):
            headers = {"x-slack-retry-num": str(retry)} if retry else {}
            began = time.perf_counter()
            status = self.post(written, _signed(written) | headers)
            self.took.append(time.perf_counter() - began)
            assert status == 200, f"answered with {status}"

    def ask(self, case: Case, user: str, retries: int = 0) -> None:
        words = f"{case.version} {case.target}"
        self.send(command_body("/promote", words, user, case.channel), retries)

    def approve(self, case: Case, change_id: str, user: str, retries: int = 0) -> None:
        self.send(click_body("floe_approve", change_id, user, case.channel), retries)

    def reject(self, case: Case, change_id: str, user: str, times: int = 1) -> None:
        """Press the button, fill in the form that opens, and send it."""
        # A form that was sent before is not sent again.
        before = len(self.slack.views)
        self.send(click_body("floe_reject", change_id, user, case.channel))
        view = eventually(lambda: self._opened(change_id, before), self.after_answer)
        filled = {"values": {"reason": {"v": {"type": "plain_text_input", "value": "not today"}}}}
        body = {
            **click_body("", "", user, case.channel),
            "type": "view_submission",
            "view": {**view, "state": filled},
        }
        self.send(body, times - 1)

    def _until(self, case: Case, look: Callable[[], T | None], act: Callable[[], None]) -> T:
        """Act, and act again after a private answer or some seconds without effect."""
        end, tried = time.monotonic() + self.patience, []
        answers = self.slack.answers[case.channel]
        while time.monotonic() < end - self.repeat_after:
            before = len(answers)
            tried.append(f"{time.strftime('%H:%M:%S')}, after {before} answers")
            with suppress(AssertionError):
                act()
                eventually(lambda b=before: look() or len(answers) > b, self.repeat_after)
                return eventually(look, self.after_answer)
            self.repeated += 1
        raise AssertionError(
            f"{case.step} ({case.way.name}) had no effect at {tried}; answers: {answers[-5:]}"
        )

    def _opened(self, change_id: str, before: int) -> Json | None:
        views = self.slack.views[before:]
        return next((v for v in views if change_id in v.get("private_metadata", "")), None)

    def _lane(self, cases: Sequence[Case]) -> None:
        channel, ended = _Channel(self.slack, cases[0].channel), []
        for case in cases:
            if self._over.is_set():
                return
            change_id = self._play_case(channel, case)
            with self._lock:
                self.done(next(self._number))
            if case.way.ends is not None or case is not cases[-1]:
                ended.append(change_id)
        eventually(lambda: channel.has(f"{i}:end" for i in ended), self.patience)

    def _play_case(self, channel: "_Channel", case: Case) -> str:
        """Request a change until one did not fail; returns its id."""
        redelivered = 2 if case.way.name == "command redelivered" else 0
        for _ in range(_MOST_REQUESTS):
            root = self._until(
                case,
                partial(channel.announced, case),
                partial(self.ask, case, case.requester, redelivered),
            )
            change_id = block_ids(root)[0].removesuffix(":root")
            failed = partial(_shows, ChangeState.FAILED, root)
            if case.way.act is not _nothing:
                eventually(lambda i=change_id, f=failed: f() or channel.asks(i), self.patience)
            self._until(
                case,
                lambda r=root, f=failed: f() or _has_ended(case, r),
                partial(case.way.act, self, case, change_id),
            )
            if not failed():
                return change_id
        raise AssertionError(f"{case.step} failed {_MOST_REQUESTS} times")


@dataclass
class _Channel:
    """The messages of one channel, read incrementally."""

    slack: FakeSlack
    name: str
    _seen: int = 0
    _messages: list[Json] = field(default_factory=list)

    def announced(self, case: Case) -> Json | None:
        """The card of `case`, unless its change has failed."""
        self._read()
        cards = (m for m in self._messages if m["text"].startswith(f"{case.step}."))
        return next((card for card in cards if not _shows(ChangeState.FAILED, card)), None)

    def asks(self, change_id: str) -> bool:
        self._read()
        key = f"{change_id}:ask"
        return any(block_ids(m)[0] == key and buttons(m) for m in self._messages)

    def has(self, keys: Iterable[str]) -> bool:
        self._read()
        return {block_ids(m)[0] for m in self._messages}.issuperset(keys)

    def _read(self) -> None:
        new = self.slack.messages[self._seen :]
        self._seen += len(new)
        self._messages += [m for m in new if m["channel"] == self.name]


def _has_ended(case: Case, root: Json) -> bool:
    return case.way.ends is None or _shows(case.way.ends, root)


def _shows(state: ChangeState, root: Json) -> bool:
    return status_text(state) in root["text"]


def status_text(state: ChangeState) -> str:
    """The text that a card shows in `state`."""
    waits = state is ChangeState.AWAITING_APPROVAL
    return "Waiting for approval" if waits else state.value.capitalize()


def _signed(body: str) -> dict[str, str]:
    timestamp = str(int(time.time()))
    signature = SignatureVerifier(SECRET).generate_signature(timestamp=timestamp, body=body)
    return {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": timestamp,
        "x-slack-signature": signature or "",
    }


def _nothing(_crowd: Crowd, _case: Case, _change: str) -> None:
    """No approval is needed."""


def _leave(_crowd: Crowd, _case: Case, _change: str) -> None:
    """The change keeps waiting."""


def _approve(crowd: Crowd, case: Case, change: str) -> None:
    crowd.approve(case, change, BOB)


def _approve_together(crowd: Crowd, case: Case, change: str) -> None:
    with ThreadPoolExecutor(2) as both:
        for _ in both.map(lambda user: crowd.approve(case, change, user), (BOB, CAROL)):
            pass


def _click_twice(crowd: Crowd, case: Case, change: str) -> None:
    crowd.approve(case, change, BOB)
    crowd.approve(case, change, BOB)


def _redelivered(crowd: Crowd, case: Case, change: str) -> None:
    crowd.approve(case, change, CAROL, retries=2)


def _type_again(crowd: Crowd, case: Case, change: str) -> None:
    crowd.ask(case, next(user for user in REQUESTERS if user != case.requester))
    crowd.approve(case, change, CAROL)


def _own_click(crowd: Crowd, case: Case, change: str) -> None:
    crowd.approve(case, change, case.requester)
    crowd.approve(case, change, BOB)


def _reject(crowd: Crowd, case: Case, change: str) -> None:
    crowd.reject(case, change, CAROL)


def _reject_twice(crowd: Crowd, case: Case, change: str) -> None:
    crowd.reject(case, change, BOB, times=2)


# Actions on changes with and without approvals.
WAYS = (
    Way("approved", _approve),
    Way("left waiting", _leave, None),
    Way("rejected", _reject, ChangeState.REJECTED),
    Way("double-clicked", _click_twice, answers=(0, 1)),
    Way("command redelivered", _approve),
    Way("approved by two at once", _approve_together, answers=(1, 1)),
    Way("click redelivered", _redelivered),
    Way("rejection redelivered", _reject_twice, ChangeState.REJECTED),
    Way("requested again", _type_again, answers=(1, 1)),
    Way("clicked by the requester", _own_click, answers=(1, 1)),
)
FREE_WAYS = (Way("without approval", _nothing), Way("command redelivered", _nothing))
