"""Engines together with their changes, for servers and commands that need approvals."""

import weakref
from collections.abc import Callable, ItemsView, Iterator, Mapping, ValuesView
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta

from engine.api import Engine
from engine.changes.approvals import with_approval
from engine.changes.decisions import Changes
from engine.changes.foreground import Foreground
from engine.changes.gate_events import kept_output
from engine.changes.memberships import Memberships, People
from engine.changes.worker import Worker
from engine.changes.workflow import Progression
from engine.checks.authorization import granted_via, judge_right
from engine.checks.ballots import find_ballots, override_via
from engine.checks.break_glass import judge_reviewer
from engine.config.people import Notify
from engine.domain.break_glass import OpenReview
from engine.domain.change import Change
from engine.domain.errors import PromotionError, UsageError
from engine.domain.finding import Finding
from engine.domain.gate import GateKind
from engine.domain.operator import Operator
from engine.domain.product import UNNAMED
from engine.domain.selection import Selection
from engine.execution.runner import Runner
from engine.ports import Leases
from engine.ports.change_store import OUTPUTS_KEPT, ChangeStore
from engine.ports.deployments import NO_DEPLOYMENTS, Deployments
from engine.runtime.wakeups import NO_WAKEUPS, Wakeups


@dataclass(frozen=True)
class Platform:
    """
    One product: an engine and its changes.

    `product` is empty where there is one manifest, and `owner` is who answers for the product.
    `changes` makes decisions, `progression` moves changes, `worker` carries them out in the
    background once a server has started it. `store` has the feed that interfaces follow, and the
    output of gates. `memberships` reads the groups of operators again. `wakeups` wakes loops that
    follow the work of other servers. `channel` is the Slack channel for changes, `channels` belong
    to this product, and `notify` has the rules for direct messages. `at_once` are the leases that
    do not wait, where servers share the state. `deployments` has the health that systems that
    deploy reported.
    """

    engine: Engine
    changes: Changes
    progression: Progression
    worker: Worker
    store: ChangeStore
    memberships: Memberships
    wakeups: Wakeups = NO_WAKEUPS
    product: str = UNNAMED
    owner: str | None = None
    channel: str | None = None
    channels: tuple[str, ...] = ()
    notify: Notify = field(default_factory=Notify.model_construct)
    at_once: Leases | None = None
    deployments: Deployments = NO_DEPLOYMENTS

    def gate_output(
        self, run: str, gate: GateKind, trace_of: Callable[[str], str | None] | None = None
    ) -> bytes | None:
        """
        Read the output of `gate` by the id of a change, trace or record; None if it is not stored.
        `trace_of` finds the trace id of a record; by default the ledgers are read for it.
        """
        return kept_output(self.store, run, gate, trace_of or self._trace_of)

    def may_promote(self, operator: Operator, environment: str) -> Finding:
        """Judge whether the rules allow `operator` to promote to `environment` or roll it back."""
        target = self.engine.path.environment(environment)
        return judge_right(operator, target, self.engine.rights, "promote to")

    def may_override(self, operator: Operator, environment: str) -> bool:
        """Whether the rules let `operator` promote a version there despite its rollback."""
        target = self.engine.path.environment(environment)
        return bool(override_via(operator, target, self.engine.rights))

    def may_lock(self, operator: Operator, environment: str) -> bool:
        """Whether the rules allow `operator` to lock `environment`."""
        target, rights = self.engine.path.environment(environment), self.engine.rights
        return bool(granted_via(operator, target, rights)) or rights.may_lock(operator)

    def may_review(self, operator: Operator, environment: str, review: OpenReview) -> bool:
        """Whether the rules allow `operator` to give the open `review` of `environment`."""
        target, engine = self.engine.path.environment(environment), self.engine
        return not judge_reviewer(operator, review, target, engine.rights, engine.directory).blocks

    def completes(self, change: Change, operator: Operator) -> bool:
        """Whether the approval of `operator`, who may approve, is the last that `change` needs."""
        return not with_approval(self.engine.runner, change, operator, "").missing_approvals

    def may_approve(self, operator: Operator) -> bool:
        """Whether the rules allow `operator` to approve changes of some environment."""
        return bool(approvable(self.engine, operator))

    def _trace_of(self, record_id: str) -> str | None:
        since = self.engine.now() - OUTPUTS_KEPT
        with closing(self.engine.audit(Selection(since=since))) as entries:
            records = (entry.record for entry in entries)
            return next((each.trace_id for each in records if each.id == record_id), None)

    @property
    def foreground(self) -> Foreground:
        """A worker for a command, which carries out its own change and waits for it."""
        return Foreground(self.progression, self.store, self.engine.refused)


def promotable(engine: Engine, operator: Operator) -> tuple[str, ...]:
    """Name the environments whose rules let `operator` promote to them."""
    environments, rights = engine.path.environments, engine.rights
    return tuple(each.name for each in environments if granted_via(operator, each, rights))


def approvable(engine: Engine, operator: Operator) -> tuple[str, ...]:
    """Name the environments of which `operator` may approve changes, also by escalation."""
    now = engine.now()
    long_ago = now - timedelta(days=366)  # after every escalation
    rules = (engine.rights, engine.directory, long_ago, now)
    return tuple(
        each.name
        for each in engine.path.environments
        if each.approvals.required and any(find_ballots(operator, each, *rules))
    )


@dataclass(frozen=True)
class Reloaded:
    """
    The names of products that a reload opened, replaced and removed.

    A product in `broken` has its last version, if there was one. `restart` has the sections of the
    server file that changed and count from the next start.
    """

    opened: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    broken: Mapping[str, PromotionError] = field(default_factory=dict)
    restart: tuple[str, ...] = ()


def _cannot_reload() -> Reloaded:
    raise UsageError("Only a server of several products reads its files again: restart floe serve")


class Products(Mapping[str, Platform]):
    """
    The products of a server by name, in the order of its files.

    With one manifest, `several` is false and the only product has no name. `store` has the changes
    of all products, and `worker` works on them. `broken` has the products whose files cannot be
    used, with the reason. Products change while the server runs: look them up for each request, and
    do not keep them. `subscribe` functions get the name of each that was changed. `reload` reads
    the files again. `people` are those of the server.
    """

    def __init__(
        self,
        platforms: Mapping[str, Platform],
        store: ChangeStore,
        worker: Worker,
        people: People,
        *,
        several: bool,
        wakeups: Wakeups = NO_WAKEUPS,
        broken: Mapping[str, PromotionError] | None = None,
    ) -> None:
        self._platforms = dict(platforms)
        self.store = store
        self.worker = worker
        self.people = people
        self.several = several
        self.wakeups = wakeups
        self.broken: Mapping[str, PromotionError] = broken or {}
        self.reload: Callable[[], Reloaded] = _cannot_reload
        self._subscribers: list[Callable[[str], None]] = []
        self._watchers: list[Callable[[str], None]] = []
        self._runners: dict[int, weakref.ref[Runner]] = {}
        self._keep_runners()

    def __getitem__(self, name: str) -> Platform:
        return self._platforms[name]

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._platforms))

    def __len__(self) -> int:
        return len(self._platforms)

    def values(self) -> ValuesView[Platform]:
        # Of a copy, because the mixin looks up each name, and a reload may remove one.
        return dict(self._platforms).values()

    def items(self) -> ItemsView[str, Platform]:
        return dict(self._platforms).items()

    def subscribe(self, changed: Callable[[str], None]) -> None:
        """Call `changed` with the name of each product that is added, replaced or removed."""
        self._subscribers.append(changed)

    def watch(self, look: Callable[[str], None]) -> None:
        """Call `look` with the name of a product when its registry sent an event."""
        self._watchers.append(look)

    def notice(self, name: str) -> None:
        """Have all watchers look at the product, which may be unchanged."""
        for look in self._watchers:
            look(name)

    def update(
        self, platforms: Mapping[str, Platform], broken: Mapping[str, PromotionError]
    ) -> None:
        """Serve `platforms` from now on."""
        before, self._platforms, self.broken = self._platforms, dict(platforms), broken
        self._keep_runners()
        for name in {**before, **platforms}:
            if before.get(name) is not platforms.get(name):
                for changed in self._subscribers:
                    changed(name)

    def stop_gates(self) -> None:
        """End all running gates, also those of products that were replaced."""
        for known in self._runners.values():
            if (runner := known()) is not None:
                runner.gate_runner.stop()

    def _keep_runners(self) -> None:
        used = {key: known for key, known in self._runners.items() if known() is not None}
        runners = [each.engine.runner for each in self._platforms.values()]
        self._runners = used | {id(each): weakref.ref(each) for each in runners}

    @property
    def members_only(self) -> bool:
        """Whether people see only the products of which they are members."""
        return any(each.engine.rights.members_only for each in self.values())

    @property
    def only(self) -> Platform | None:
        """The product that needs no name because there is no other one; else None."""
        platforms = tuple(self._platforms.values())
        return platforms[0] if len(platforms) == 1 and not self.broken else None

    def named(self, name: str) -> Platform:
        """Return the product `name`; UsageError if it cannot be used, see `unusable`."""
        found = self._platforms.get(name)
        if found is None:
            raise self.unusable(name)
        return found

    def unusable(self, name: str) -> UsageError:
        """
        Build the error about a product that cannot be used, or that the person may not see.

        It has names and reasons only where everybody sees all products.
        """
        if self.members_only or not self._platforms:
            # Strangers get this answer too.
            return UsageError(f"There is no product '{name}' that you can use")
        if name in self.broken:
            return UsageError(f"The product {name} cannot be used: {self.broken[name]}")
        known = ", ".join(self._platforms) or "none"
        return UsageError(f"There is no product '{name}'. Those there are: {known}")

    def of(self, change: Change) -> Platform:
        """Return the product of `change`; UsageError if this server does not have it."""
        return self.named(change.product)
