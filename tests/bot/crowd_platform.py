"""A platform for the crowd, with many environments that mostly need an approval."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from engine.api import Engine
from engine.bootstrap import open_engine
from engine.config import load_config
from engine.domain.environment import Environment
from engine.domain.operator import IdentitySource, Operator
from engine.domain.parsing import parse_promotion_request
from engine.domain.path import PromotionPath
from engine.domain.trace import trace_id
from engine.ports import NO_PROGRESS
from tests.bot.crowd import FREE_WAYS, REQUESTERS, WAYS, Case
from tests.bot.fake_slack import FakeSlack
from tests.bot.stage import BOB, CAROL
from tests.scenarios.engines import policy_of, with_parts

_PEOPLE = {user: f"{user.lower()}@acme.com" for user in (*REQUESTERS, BOB, CAROL)}
_MANIFEST = """
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: %s
  promotion:
    environments: [%s]
    gate_commands: {tests: "true"}
identity:
  groups: {developers: [%s], release-managers: [%s]}
"""
_RULES = "gates: {tests: true}, authorization: {allowed_groups: [developers]}"
_APPROVALS = f"{_RULES}, approvals: {{required: 1, groups: [release-managers], expires_after: 4h}}"
# Every fifth environment needs no approval.
_FREE = 5


@dataclass(frozen=True)
class CrowdPlatform:
    """
    A platform with `lanes` environments after the first, and `depth` requests for each of them.

    `registry` is the value in the manifest.
    """

    folder: Path
    registry: str
    lanes: int
    depth: int

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.yaml"

    @property
    def environments(self) -> tuple[str, ...]:
        return ("dev", *(f"e{number:02}" for number in range(1, self.lanes + 1)))

    def cases(self) -> list[list[Case]]:
        """The requests, by environment."""
        return [self._lane(number) for number in range(1, self.lanes + 1)]

    def prepare(self, slack: FakeSlack) -> None:
        """
        Add the users to Slack, and promote every published version to its source environment.

        The path used for this contains only the two environments.
        """
        for user, email in _PEOPLE.items():
            slack.person(user, email)
        self._write_manifest()
        with (
            open_engine(load_config(self.manifest, {})) as engine,
            ThreadPoolExecutor(4) as pool,
        ):
            for _ in pool.map(lambda lane: _promote(engine, lane), self.cases()):
                pass

    def needs_approval(self, target: str) -> bool:
        return self.environments.index(target) % _FREE != 0

    def _lane(self, number: int) -> list[Case]:
        source, target = self.environments[number - 1 : number + 1]
        ways = WAYS if self.needs_approval(target) else FREE_WAYS
        return [
            Case(
                # The versions of the next lane are older, because they arrive here first.
                f"v{1000 - number}.{place}.0",
                source,
                target,
                REQUESTERS[(number + place) % len(REQUESTERS)],
                ways[(number + place) % len(ways)],
            )
            for place in range(self.depth)
        ]

    def _write_manifest(self) -> None:
        names = self.environments[1:]
        rules = [_APPROVALS if self.needs_approval(name) else _RULES for name in names]
        listed = [f"{{name: {name}, {rule}}}" for name, rule in zip(names, rules, strict=True)]
        developers = ", ".join(_PEOPLE[user] for user in REQUESTERS)
        managers = ", ".join(_PEOPLE[user] for user in (BOB, CAROL))
        environments = ", ".join(["{name: dev}", *listed])
        written = _MANIFEST % (self.registry, environments, developers, managers)
        self.manifest.write_text(written)


def _promote(engine: Engine, lane: Sequence[Case]) -> None:
    """Promote the versions of `lane` to its source environment."""
    source = lane[0].source
    entry = engine.path.entry
    if source == entry.name:
        return
    path = PromotionPath((entry, Environment(source)))
    there = with_parts(engine, path=path, policy=policy_of(path))
    for case in lane:
        request = parse_promotion_request(there.path, case.version, None, source, _ci(), trace_id())
        if error := there.run(request, NO_PROGRESS).error:
            raise error


def _ci() -> Operator:
    identity = "oidc:https://id#ci"
    return Operator("ci@acme.com", identity, IdentitySource.OIDC, verified=True)
