"""The claims of ledger entries, in the database that several machines share."""

from datetime import timedelta

from engine.adapters.store.rows import micros
from engine.domain.ledger import EntryClaim, LedgerEntry, entry_lost
from engine.domain.manifest import IMAGE_MANIFEST, Manifest
from engine.ports import Clock
from engine.runtime.database import Database

# Claims of living writers are younger; a writer that was suspended for longer is not expected back.
_NEGLECTED_AFTER, _NEGLECTED_BEFORE = timedelta(seconds=2), timedelta(hours=1)
MIGRATIONS = (
    """
CREATE TABLE entry_claims (
    repository TEXT NOT NULL,
    environment TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    digest TEXT NOT NULL,
    manifest BLOB NOT NULL,
    claimed_at INTEGER NOT NULL,
    finished INTEGER NOT NULL,
    PRIMARY KEY (repository, environment, sequence)
);
""",
)
_PLACE = "repository = :repository AND environment = :environment"
_LATER = f"SELECT 1 FROM entry_claims WHERE {_PLACE} AND sequence"  # noqa: S608 - our own words
_CLAIM = f"""
INSERT INTO entry_claims (
    repository, environment, sequence, digest, manifest, claimed_at, finished
)
SELECT :repository, :environment, :sequence, :digest, :manifest, :at, 0
WHERE NOT EXISTS ({_LATER} >= :sequence)
ON CONFLICT DO NOTHING
"""
_NEWEST = f"""
SELECT digest FROM entry_claims WHERE {_PLACE} ORDER BY sequence DESC LIMIT 1
"""  # noqa: S608 - our own words
_FINISH = f"""
UPDATE entry_claims SET finished = 1
WHERE {_PLACE} AND sequence = :sequence AND digest = :digest
    AND NOT EXISTS ({_LATER} > :sequence)
"""  # noqa: S608 - our own words
# The newest claim stays: by it a suspended writer sees that another one continued.
_PRUNE = f"""
DELETE FROM entry_claims
WHERE {_PLACE} AND sequence < :sequence AND (finished = 1 OR claimed_at < :before)
"""  # noqa: S608 - our own words
_PENDING = f"""
SELECT sequence, manifest, claimed_at FROM entry_claims
WHERE {_PLACE} AND finished = 0 ORDER BY sequence
"""  # noqa: S608 - our own words
_NEGLECTED = """
SELECT DISTINCT environment FROM entry_claims
WHERE repository = ? AND finished = 0 AND claimed_at BETWEEN ? AND ? ORDER BY environment
"""
_NEGLECTED_PLACES = """
SELECT DISTINCT repository FROM entry_claims WHERE finished = 0 AND claimed_at BETWEEN ? AND ?
"""
_RELEASE = f"DELETE FROM entry_claims WHERE {_PLACE} AND sequence = :sequence AND digest = :digest"  # noqa: S608 - our own words
_FORGET = f"DELETE FROM entry_claims WHERE {_PLACE}"  # noqa: S608 - our own words


class SqlEntryClaims:
    """Implements `engine.ports.EntryClaims` for the repository called `repository`."""

    def __init__(self, database: Database, repository: str, clock: Clock) -> None:
        self._database = database
        self.repository = repository
        self._clock = clock

    def claim(self, entry: LedgerEntry) -> None:
        values = self._values(entry) | {
            "manifest": entry.manifest.content,
            "at": micros(self._clock.now()),
        }
        with self._database.write() as db:
            claimed = db.execute(_CLAIM, values).rowcount == 1
        if not claimed:
            raise entry_lost(entry)

    def is_newest(self, entry: LedgerEntry) -> bool:
        with self._database.read() as db:
            row = db.execute(_NEWEST, self._place(entry.environment)).fetchone()
        return row is not None and row[0] == str(entry.digest)

    def finish(self, entry: LedgerEntry) -> bool:
        values = self._values(entry)
        before = {"before": micros(self._clock.now() - _NEGLECTED_BEFORE)}
        if self._database.apply(_FINISH, values) != 1:
            return False
        del values["digest"]
        self._database.apply(_PRUNE, values | before)
        return True

    def pending(self, environment: str) -> tuple[EntryClaim, ...]:
        since = micros(self._clock.now() - _NEGLECTED_BEFORE)
        with self._database.read() as db:
            rows = db.execute(_PENDING, self._place(environment)).fetchall()
        return tuple(
            EntryClaim(environment, sequence, Manifest(bytes(content), IMAGE_MANIFEST), at < since)
            for sequence, content, at in rows
        )

    def neglected(self) -> tuple[str, ...]:
        with self._database.read() as db:
            rows = db.execute(_NEGLECTED, [self.repository, *self._neglected_times()]).fetchall()
        return tuple(row[0] for row in rows)

    def neglected_repositories(self) -> frozenset[str]:
        with self._database.read() as db:
            rows = db.execute(_NEGLECTED_PLACES, self._neglected_times()).fetchall()
        return frozenset(row[0] for row in rows)

    def _neglected_times(self) -> list[int]:
        now = self._clock.now()
        return [micros(now - _NEGLECTED_BEFORE), micros(now - _NEGLECTED_AFTER)]

    def release(self, claim: EntryClaim) -> None:
        self._database.apply(_RELEASE, self._values(claim))

    def forget(self, environment: str) -> None:
        with self._database.write() as db:
            db.execute(_FORGET, self._place(environment))

    def _place(self, environment: str) -> dict[str, object]:
        return {"repository": self.repository, "environment": environment}

    def _values(self, entry: LedgerEntry | EntryClaim) -> dict[str, object]:
        numbered = {"sequence": entry.sequence, "digest": str(entry.digest)}
        return self._place(entry.environment) | numbered
