"""Opens the changes of one product."""

from engine.adapters.store import SqlDeployments, SqlStore
from engine.api import Engine
from engine.bootstrap.adapters import leases_of
from engine.bootstrap.observability import count_ended
from engine.changes.decisions import Changes
from engine.changes.memberships import People
from engine.changes.sweeper import Workplace
from engine.changes.worker import Worker
from engine.changes.workflow import Progression
from engine.config import Config
from engine.domain.change import Change
from engine.platform import Platform
from engine.ports.change_store import ChangeStore
from engine.runtime.database import Database
from engine.runtime.wakeups import Wakeups


class OpenedProduct:
    """The changes of one product in `state`."""

    def __init__(self, config: Config, engine: Engine, state: Database, people: People) -> None:
        self.config = config
        self.engine = engine
        self.store: ChangeStore = SqlStore(state, engine.runner.clock, product=config.product)
        self.deployments = SqlDeployments(state, config.product)
        self.members = people.memberships
        ends = _Ends(engine, self.store)
        digest = config.environment_digest
        progression = Progression(engine.runner, self.store, digest, self.members.regroup)
        changes = Changes(engine.runner, self.store, digest, ends.record, config.product)
        self.workplace = Workplace(changes, progression, ends.record)

    def platform(self, worker: Worker, wakeups: Wakeups) -> Platform:
        return Platform(
            self.engine,
            self.workplace.changes,
            self.workplace.progression,
            worker,
            self.store,
            self.members,
            wakeups=wakeups,
            product=self.config.product,
            owner=self.config.owner,
            channel=self.config.slack.channel,
            channels=self.config.slack.channels,
            notify=self.config.slack.notify,
            at_once=leases_of(self.config, 0) if self.config.state_url else None,
            deployments=self.deployments,
        )


class _Ends:
    """Records how the changes of one product end. It refers to no object that refers to it."""

    def __init__(self, engine: Engine, store: ChangeStore) -> None:
        self._engine = engine
        self._store = store

    def record(self, change: Change) -> None:
        # The refusal is recorded first, even if counting fails.
        self._engine.refused(change)
        count_ended(self._engine.metrics, self._store, change)
