"""The last reports of deployments, in the tables of the changes."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from engine.adapters.store.rows import micros, moment
from engine.domain.deployments import Deployment, Health
from engine.domain.errors import UsageError
from engine.domain.product import UNNAMED, qualified, unqualified
from engine.runtime.database import Database

MOST_TARGETS = 200
# A target that reported nothing for so long before a promotion is not counted any more.
_KEPT = timedelta(days=30)
_LIST = "SELECT environment, target, digest, health, at FROM deployments"
_KEEP = """
INSERT INTO deployments (product, environment, target, digest, health, at)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (environment, target) DO UPDATE SET digest = excluded.digest,
    health = excluded.health, at = excluded.at
"""


class SqlDeployments:
    """Implements `engine.ports.deployments.Deployments` for the environments of `product`."""

    def __init__(self, database: Database, product: str = UNNAMED) -> None:
        self._database = database
        self._product = product

    def add(self, environment: str, deployment: Deployment, since: datetime) -> bool:
        place = qualified(self._product, environment)
        with self._database.write() as db:
            old = [place, micros(since - _KEPT)]
            db.execute("DELETE FROM deployments WHERE environment = ? AND at < ?", old)
            found = db.execute("SELECT target, at FROM deployments WHERE environment = ?", [place])
            times = dict(found.fetchall())
            if times.get(deployment.target, -1) >= micros(deployment.at):
                return False
            if deployment.target not in times and len(times) >= MOST_TARGETS:
                raise UsageError(
                    f"{environment} has {MOST_TARGETS} targets already: report a target under a "
                    "name that stays the same. A promotion forgets targets without a report in the "
                    f"{_KEPT.days} days before it"
                )
            row = [self._product, place, deployment.target, deployment.digest]
            db.execute(_KEEP, [*row, deployment.health.value, micros(deployment.at)])
        return True

    def of(self, environment: str) -> tuple[Deployment, ...]:
        return self.all().get(environment, ())

    def all(self) -> Mapping[str, tuple[Deployment, ...]]:
        if not self._database.exists():
            return {}
        asked = f"{_LIST} WHERE product = ? ORDER BY environment, target"
        with self._database.read() as db:
            rows = db.execute(asked, [self._product]).fetchall()
        found: dict[str, list[Deployment]] = defaultdict(list)
        for place, target, digest, health, at in rows:
            name = unqualified(self._product, place)
            found[name].append(Deployment(target, digest, Health(health), moment(at)))
        return {name: tuple(each) for name, each in found.items()}
