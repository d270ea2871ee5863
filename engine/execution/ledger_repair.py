"""Put back tags of a ledger that were removed, while its chain still proves their entries."""

import logging
from collections.abc import Iterator
from itertools import islice

from engine.domain.artifact import Digest, Tag
from engine.domain.audit import LedgerRepair
from engine.domain.environment import Environment
from engine.domain.errors import LedgerUnreadableError, TagExistsError
from engine.domain.ledger import LedgerEntry
from engine.execution.adoption_guard import refuse_unadopted
from engine.execution.runner import Runner
from engine.ports import Progress

_log = logging.getLogger(__name__)
# The number of entries read in parallel and held in memory.
_PORTION = 32


def repair_ledger(
    runner: Runner, environment: Environment, dry_run: bool, progress: Progress
) -> LedgerRepair:
    """
    Put back the missing tags of entries, and the head tag. A number with other content stays.

    LedgerUnreadableError if the ledger does not follow the newest head seen, or if no trusted key
    signed it.
    """
    name, ledger = environment.name, runner.ledger
    with runner.hold(name):
        end = ledger.end(name)
        refuse_unadopted(name, end)
        runner.rewind_guard.check(name, end.head, runner.rewind_guard.known(name))
        restored: list[Tag] = []
        problems: list[str] = []
        try:
            for tag, entry, found in _tagged(runner, name, progress):
                if found is None and (dry_run or _create(runner, tag, entry)):
                    restored.append(tag)
                elif found != entry.digest:
                    problems.append(_occupied(tag, entry, found))
        except LedgerUnreadableError as error:
            problems.append(f"{error} The tags of the entries before it were not compared")
        if end.head is not None and not end.hinted:
            restored.append(ledger.tag(name, None))
            if not dry_run:
                ledger.point_head(end.head)
    return LedgerRepair(name, tuple(restored), tuple(problems))


def _tagged(
    runner: Runner, name: str, progress: Progress
) -> Iterator[tuple[Tag, LedgerEntry, Digest | None]]:
    """Yield the tag of each proven entry, newest first, with the digest that it points to."""
    entries = runner.ledger.walk(name)
    while portion := list(islice(entries, _PORTION)):
        progress.step(f"reading the ledger of {name}: entry {portion[0].sequence} and before")
        tags = [runner.ledger.tag(name, entry.sequence) for entry in portion]
        yield from zip(tags, portion, runner.pool.map(runner.registry.resolve, tags), strict=True)


def _create(runner: Runner, tag: Tag, entry: LedgerEntry) -> bool:
    """Create the missing `tag`; False if the registry says that it exists."""
    try:
        runner.registry.put(entry.manifest, tag)
    except TagExistsError:
        return False
    _log.info("put back %s at %s", tag, entry.digest)
    return True


def _occupied(tag: Tag, entry: LedgerEntry, found: Digest | None) -> str:
    return (
        f"{tag} points to {found.short if found else 'other content'}, and the chain has "
        f"{entry.digest.short} as entry {entry.sequence}: it was not changed. Point the tag to "
        f"{entry.digest} with another tool after you found out who moved it"
    )
