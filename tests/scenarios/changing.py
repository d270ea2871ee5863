"""A platform whose staging needs an approval, for tests of open changes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from engine.adapters.store import SqlStore, state_database
from engine.api import Engine
from engine.bootstrap import SystemClock
from engine.changes.decisions import Changes
from engine.changes.memberships import Memberships
from engine.changes.sweeper import Workplace
from engine.changes.worker import Pace, Worker
from engine.changes.workflow import Progression
from engine.domain.change import Change
from engine.domain.environment import Approvals, Authorization, Environment
from engine.domain.identity import Claims, Directory
from engine.domain.operator import IdentitySource, Operator
from engine.domain.path import PromotionPath
from engine.domain.policy_document import PolicyDocument
from engine.domain.rights import Rights
from engine.platform import Platform
from tests.conftest import Place
from tests.scenarios.engines import ProgressLog, TickingClock, engine_on, gate, path_of, promotion

RULES = f"sha256:{'c' * 64}"
APPROVERS = "release-managers"


@dataclass
class Members:
    """The section `identity` of a manifest that may be edited while changes wait."""

    directory: Directory

    def operator(self, name: str) -> Operator:
        claims = Claims(f"oidc:https://id.example.com#{name}", IdentitySource.OIDC, True, (name,))
        return self.directory.operator(claims)

    def regroup(self, operator: Operator) -> Operator:
        return self.directory.regroup(operator)

    def dismiss(self, group: str) -> None:
        self.directory = replace(
            self.directory, groups={**self.directory.groups, group: frozenset()}
        )


@dataclass
class Rules:
    """The digest of the target's effective configuration, which an edit changes."""

    digest: str = RULES

    def of(self, _target: str) -> str:
        return self.digest


@dataclass
class Stage:
    """A platform, with the settings that tests change while it runs."""

    platform: Platform
    place: Place
    clock: TickingClock
    members: Members
    rules: Rules
    progress: ProgressLog = field(default_factory=ProgressLog)

    @property
    def engine(self) -> Engine:
        return self.platform.engine

    @property
    def changes(self) -> Changes:
        return self.platform.changes

    def ask(self, version: str = "v1.0.0", target: str = "staging", who: str = "alice") -> Change:
        """Submit and check a change."""
        request = promotion(self.engine, version, target, self.members.operator(who))
        return self.settle(self.changes.submit(request, "cli"))

    def settle(self, change: Change) -> Change:
        return self.platform.progression.settle(change, self.progress)

    def approve(self, change: Change, who: str = "bob") -> Change:
        return self.changes.approve(change.id, self.members.operator(who), "cli")

    def tags(self) -> set[str]:
        return {str(tag) for tag in self.engine.runner.registry.tags()}

    def later(self, **passed: float) -> None:
        self.clock.time += timedelta(**passed)


def guarded(
    required: int = 1, groups: frozenset[str] | None = frozenset({APPROVERS})
) -> Environment:
    """Staging with approvals: members of `developers` request, `groups` approve."""
    return Environment(
        "staging",
        gates=(gate("true"),),
        authorization=Authorization(allowed_groups=frozenset({"developers"})),
        approvals=Approvals(required=required, groups=groups, expires_after_seconds=3600),
    )


# Carol may lock, and may not promote.
LOCKERS = Rights.of((), people=(), lockers=["carol"])
DIRECTORY = Directory.of(
    {"alice": ("alice@phone",)},
    {"developers": ("alice", "dave"), APPROVERS: ("bob", "carol", "alice")},
)


@contextmanager
def stage_on(
    place: Place,
    folder: Path,
    path: PromotionPath | None = None,
    pace: Pace | None = None,
    policy: PolicyDocument | None = None,
) -> Iterator[Stage]:
    """The stage on `place`, with its store in `folder/state`.

    With a `pace` its worker runs in real time, and claims expire after it.
    """
    clock, members, rules = TickingClock(), Members(DIRECTORY), Rules()
    real = SystemClock() if pace else clock
    path = path or path_of("dev", guarded(), "prod")
    built = engine_on(
        place.registry,
        folder,
        path,
        directory=DIRECTORY,
        clock=real,
        rights=LOCKERS,
        policy=policy,
    )
    with built as engine:
        store = SqlStore(state_database(folder / "state"), real)
        changes = Changes(engine.runner, store, rules.of)
        progression = Progression(engine.runner, store, rules.of, members.regroup)
        place_of = {"": Workplace(changes, progression)}
        worker = Worker(place_of, store, real, pace=pace or Pace())
        try:
            platform = Platform(
                engine, changes, progression, worker, store, Memberships(lambda: DIRECTORY)
            )
            yield Stage(platform, place, clock, members, rules)
        finally:
            store.close()


def until(done: Callable[[], bool], seconds: float = 60) -> bool:
    """Return whether `done` became true in time."""
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.02)
    return done()
