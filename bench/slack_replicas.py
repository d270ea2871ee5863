"""Acknowledgements to Slack by two servers on PostgreSQL, and by one without a database."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.load import served
from bench.platform import registry_host
from bench.rows import Row
from bench.slack_ack import acknowledgements
from tests.bot.crowd import Case, Crowd, Post
from tests.bot.crowd_platform import CrowdPlatform
from tests.bot.fake_slack import FakeSlack, fake_slack
from tests.bot.stage import BOB, block_ids, click_body, command_body, eventually
from tests.builders import image
from tests.peers import raw
from tests.peers.postgres import postgres

CHANGES, REQUESTS, AT_ONCE = 50, 600, 8
_PATIENCE = 180
_STATE = "state: {url: env:FLOE_STATE_URL, schema: bench}\n"


def rows() -> Iterator[Row]:
    with registry_host() as (host, folder):
        alone = _Measurement(folder / "alone", host, 1).times()
        with postgres() as database:
            environ = {"FLOE_STATE_URL": database.url}
            shared = _Measurement(folder / "shared", host, 2, _STATE).times(**environ)
    yield from acknowledgements(alone, "1 server with files, acknowledgement")
    yield from acknowledgements(shared, "2 servers on PostgreSQL, acknowledgement")


@dataclass(frozen=True)
class _Measurement:
    """Requests to `servers` servers, whose manifest ends with `state`."""

    folder: Path
    host: str
    servers: int
    state: str = ""

    def times(self, **variables: str) -> list[float]:
        """Return the seconds until each acknowledgement."""
        self.folder.mkdir()
        platform = self._platform()
        with ExitStack() as stack:
            slack = stack.enter_context(fake_slack())
            platform.prepare(slack)
            post = self._start(stack, platform, slack, variables)
            crowd = Crowd(slack, post)
            # Before the servers end, so that no gate outlives them.
            stack.callback(self._gate.unlink, missing_ok=True)
            self._fill(crowd, platform)
            crowd.took.clear()
            bodies = [body for case in _cases(platform) for body in _bodies(case)]
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(crowd.send, bodies))
            if ends := _count(slack, ":end"):
                raise SystemExit(f"{ends} changes ended during the measurement")
        return crowd.took

    @property
    def _gate(self) -> Path:
        """Gates run for as long as this file exists."""
        return self.folder / "wait"

    def _platform(self) -> CrowdPlatform:
        repository = f"bench/{self.folder.name}"
        registry = f"{{uri: 'oci://{self.host}/{repository}', auth: {{type: anonymous}}}}"
        platform = CrowdPlatform(self.folder, registry, CHANGES, 1)
        for case in _cases(platform):
            raw.push(self.host, repository, image(case.version.encode()), f"{case.version}-dev")
        return platform

    def _start(
        self,
        stack: ExitStack,
        platform: CrowdPlatform,
        slack: FakeSlack,
        variables: dict[str, str],
    ) -> Post:
        """Start the servers; return a function that sends requests to them in turn."""
        command = f"[sh, -c, 'while [ -e {self._gate} ]; do sleep 1; done']"
        manifest = platform.manifest.read_text().replace('tests: "true"', f"tests: {command}")
        urls = []
        for number in range(self.servers):
            folder = self.folder / f"server-{number}"
            folder.mkdir()
            (folder / "manifest.yaml").write_text(manifest + self.state)
            urls.append(stack.enter_context(served(folder, slack, **variables))[1])
        client = stack.enter_context(httpx.Client(timeout=60))
        turns = itertools.cycle(urls)

        def post(body: str, headers: dict[str, str]) -> int:
            url = f"{next(turns)}slack/events"
            return client.post(url, content=body, headers=headers).status_code

        return post

    def _fill(self, crowd: Crowd, platform: CrowdPlatform) -> None:
        """Request all promotions: most wait for an approval, the others for their gates."""
        cases = _cases(platform)
        waiting = [case for case in cases if platform.needs_approval(case.target)]
        for case in waiting:
            crowd.ask(case, case.requester)
        eventually(lambda: _count(crowd.slack, ":ask") == len(waiting), _PATIENCE)
        self._gate.touch()
        for case in cases:
            if case not in waiting:
                crowd.ask(case, case.requester)
        eventually(lambda: _count(crowd.slack, ":root") == len(cases), _PATIENCE)


def _cases(platform: CrowdPlatform) -> list[Case]:
    return list(itertools.chain(*platform.cases()))


def _bodies(case: Case) -> Iterator[dict[str, object]]:
    """Requests that change nothing, about the environment of `case`."""
    versions = f"{case.version} {case.target}"
    for _ in range(REQUESTS // CHANGES // 4):
        yield command_body("/promotions", "", BOB, case.channel)
        yield command_body("/promote", versions, case.requester, case.channel)
        yield command_body("/promote", f"{case.version} nowhere", case.requester, case.channel)
        yield click_body("floe_approve", "c-00000000", BOB, case.channel)


def _count(slack: FakeSlack, kind: str) -> int:
    return sum(block_ids(message)[0].endswith(kind) for message in slack.messages)
