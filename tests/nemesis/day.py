"""
A hostile day: people promote, approve and lock through replicas that die, stand still and lose
their connections. Afterwards nothing may be lost, repeated or left waiting.
"""

import itertools
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from demo.issuer import Issuer, issuer
from engine.bootstrap import open_engine, open_platform
from engine.config import load_config
from engine.domain.record import PromotionRecord
from engine.domain.status import Alignment
from engine.platform import Platform
from tests.bot.crowd import Case, Crowd
from tests.bot.crowd_checks import find_problems, summary
from tests.bot.crowd_platform import CrowdPlatform
from tests.bot.fake_slack import FakeSlack, fake_slack
from tests.builders import image
from tests.nemesis.replicas import Places, Replica, replicas
from tests.nemesis.report import sentences
from tests.nemesis.troubles import Nemesis
from tests.nemesis.writers import Writers
from tests.peers import raw
from tests.peers.postgres import PostgresProcess

REPOSITORY = "nemesis/platform"
_PATIENCE = 900
# People repeat a refused request, and one that seems to be lost.
_AFTER_ANSWER, _REPEAT_SECONDS = 8, 180
_SETTLE_SECONDS, _QUIET_SECONDS = 300, 4
# Messages to send, requests of people, changes in work, and events that no message shows yet.
_UNFINISHED = """
SELECT (SELECT count(*) FROM {0}.messages WHERE dirty = 1 AND failed IS NULL)
    + (SELECT count(*) FROM {0}.answers) + (SELECT count(*) FROM {0}.inbox WHERE done = 0)
    + (SELECT count(*) FROM {0}.changes WHERE state IN ('checking', 'executing'))
    + (SELECT max(sequence) FROM {0}.events)
    - (SELECT value::bigint FROM {0}.facts WHERE name = 'cursor')
"""
# Words of an answer to a refused request.
_NOT_TAKEN = ("try again", "start it", "Try again")
_MOST = 100_000
_LIMITS = httpx.Limits(max_connections=100)


@dataclass
class Outcome:
    """The result of a day; `settled` are the seconds from the last click to the last message."""

    promotions: int
    seconds: float
    settled: float
    crowd: Crowd
    nemesis: Nemesis
    writers: Writers
    counts: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Day:
    """
    A day with `lanes` environments, a multiple of five, and `depth` promotions into each of them,
    by `replicas` servers; `longest` bounds the seconds of each trouble. The last environment
    belongs to the command line.
    """

    folder: Path
    registry: str
    server: PostgresProcess
    schema: str
    lanes: int = 5
    depth: int = 4
    replicas: int = 3
    longest: float = 8
    seed: int = 1
    # In each of the two threads that make troubles; 0 for a quiet day.
    troubles: int = 100_000

    def play(self) -> Outcome:
        """AssertionError names everything that is wrong in the end."""
        crowded = CrowdPlatform(self.folder, self._registry, self.lanes, self.depth)
        cases = crowded.cases()
        for case in itertools.chain(*cases):
            raw.push(self.registry, REPOSITORY, image(case.version.encode()), f"{case.version}-dev")
        with fake_slack() as slack, issuer() as people:
            crowded.prepare(slack)
            manifest = self._manifest(crowded, people)
            outcome = self._played(cases, slack, manifest, people)
            try:
                outcome.counts += self._reckoned(cases, slack, manifest, outcome.writers)
            except Exception as problem:
                # The figures of a day that took an hour are worth keeping.
                problem.add_note("\n".join(sentences(outcome)))
                raise
            return outcome

    @property
    def _registry(self) -> str:
        return f"{{uri: 'oci://{self.registry}/{REPOSITORY}', auth: {{type: anonymous}}}}"

    def _manifest(self, crowded: CrowdPlatform, people: Issuer) -> Path:
        """The manifest of the replicas, beside that of the preparation."""
        folder = self.folder / "shared"
        folder.mkdir()
        oidc = f"  oidc: [{{issuer: '{people.url}', audience: floe}}]\n"
        state = f"state: {{url: env:FLOE_STATE_URL, schema: {self.schema}}}\n"
        (folder / "manifest.yaml").write_text(crowded.manifest.read_text() + oidc + state)
        return folder / "manifest.yaml"

    def _played(
        self, cases: Sequence[Sequence[Case]], slack: FakeSlack, manifest: Path, people: Issuer
    ) -> Outcome:
        places = Places(self.registry, slack.url, self.server.url)
        writers = Writers(manifest.parent, self.server.url, people, cases[-1])
        with ExitStack() as stack:
            servers = stack.enter_context(replicas(self.folder, manifest, places, self.replicas))
            nemesis = Nemesis(
                servers, self.server, self.schema, self.seed, self.longest, self.troubles
            )
            client = stack.enter_context(httpx.Client(timeout=6, limits=_LIMITS))
            sender = Sender(servers, client)
            crowd = Crowd(slack, sender, _PATIENCE, _REPEAT_SECONDS, _AFTER_ANSWER)
            began = time.monotonic()
            with ExitStack() as working:
                working.enter_context(nemesis.at_work())
                working.enter_context(writers.at_work())
                crowd.play(cases[:-1])
            seconds = time.monotonic() - began
            settled = self._settled(slack)
        return Outcome(sum(map(len, cases)), seconds, settled, crowd, nemesis, writers)

    def _settled(self, slack: FakeSlack) -> float:
        """Wait until nothing is left to do and to say; return the seconds until then."""
        began, last, seen = time.monotonic(), 0.0, len(slack.calls)
        while (now := time.monotonic() - began) < _SETTLE_SECONDS:
            [(unfinished,)] = self.server.execute(_UNFINISHED.format(self.schema))
            if unfinished or len(slack.calls) != seen:
                seen, last = len(slack.calls), now
            elif now - last > _QUIET_SECONDS:
                return last
            time.sleep(0.2)
        raise AssertionError(f"{unfinished} things are left to do after {_SETTLE_SECONDS} s")

    def _reckoned(
        self,
        cases: Sequence[Sequence[Case]],
        slack: FakeSlack,
        manifest: Path,
        writers: Writers,
    ) -> Iterator[str]:
        config = load_config(manifest, {"FLOE_STATE_URL": self.server.url})
        with open_engine(config) as engine, open_platform(config, engine) as platform:
            found = [
                *find_problems(cases[:-1], platform, slack, repeat=True),
                *_moved(platform),
                *_ignored_locks(platform, writers),
                *_crashes(self.folder),
            ]
            assert not found, "\n".join([f"{len(found)} things are wrong:", *found[:40]])
            yield from summary(platform, slack)


@dataclass
class Sender:
    """Sends requests to any replica, and repeats them until one of them has taken it."""

    servers: Sequence[Replica]
    client: httpx.Client
    choices: random.Random = field(default_factory=lambda: random.Random(7))

    def __call__(self, body: str, headers: dict[str, str]) -> int:
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            url = self.choices.choice(self.servers).url
            try:
                sent = self.client.post(f"{url}slack/events", content=body, headers=headers)
            except (httpx.TransportError, httpx.UnsupportedProtocol):
                time.sleep(0.2)
                continue
            if sent.status_code == 200 and not any(words in sent.text for words in _NOT_TAKEN):
                return 200
            time.sleep(0.5)
        return 503


def _crashes(folder: Path) -> Iterator[str]:
    """List unexpected errors in the logs of the servers."""
    for log in sorted(folder.glob("replica-*/serve-*.log")):
        _, *crashes = log.read_text().split("Traceback")
        yield from (f"{log}: {crash[-2000:]}" for crash in crashes[-1:])


def _moved(platform: Platform) -> Iterator[str]:
    """List the environments whose latest differs from the ledger."""
    first = platform.engine.path.entry.name
    for status in platform.engine.status():
        if status.name != first and status.alignment is not Alignment.ALIGNED:
            yield f"latest of {status.name} is {status.alignment}"


def _ignored_locks(platform: Platform, writers: Writers) -> Iterator[str]:
    """List promotions that were made between the answer of a lock and its unlock."""
    target = writers.cases[0].target
    for entry in platform.engine.history(target, _MOST):
        at = entry.record.at.timestamp()
        if isinstance(entry.record, PromotionRecord) and any(
            began < at < ended for began, ended in writers.locked
        ):
            yield f"{target}#{entry.sequence} was promoted while {target} was locked"
