"""Put back tags of a ledger that were removed, while its chain still proves their content."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from uuid import uuid4

from engine.audit.policies import Policies, encode_policy
from engine.domain.artifact import Digest, Tag
from engine.domain.audit import LedgerRepair
from engine.domain.environment import Environment
from engine.domain.errors import LedgerUnreadableError, TagExistsError
from engine.domain.ledger import LedgerEntry
from engine.domain.manifest import Manifest
from engine.domain.operator import Operator
from engine.domain.policy_document import policy_tag
from engine.domain.record_header import record_header
from engine.domain.upkeep_records import RepairRecord
from engine.execution.adoption_guard import refuse_unadopted
from engine.execution.runner import Runner
from engine.ports import Progress

_log = logging.getLogger(__name__)
# The number of entries read in parallel and held in memory.
_PORTION = 32


@dataclass
class _Found:
    """Removed tags with the manifests that they had, and problems that stay."""

    removed: dict[Tag, Manifest] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def find_removed(runner: Runner, environment: Environment, progress: Progress) -> LedgerRepair:
    """
    Find the removed tags of entries, of their policies and of the head, without writing.

    LedgerUnreadableError if the ledger does not follow the newest head seen, or if no trusted key
    signed it.
    """
    # `Runner.hold` would complete claimed entries, and so write.
    with runner.leases.hold(environment.name):
        found = _find(runner, environment.name, progress)
    return LedgerRepair(environment.name, tuple(found.removed), tuple(found.problems))


def repair_ledger(
    runner: Runner, environment: Environment, operator: Operator, trace_id: str, progress: Progress
) -> LedgerRepair:
    """
    Put back the tags that `find_removed` finds. A tag with other content stays.

    The record of the repair comes first, so a key that cannot sign leaves everything as it is.
    """
    name = environment.name
    with runner.hold(name):
        found = _find(runner, name, progress)
    if not found.removed:
        return LedgerRepair(name, (), tuple(found.problems))
    tags = tuple(map(str, found.removed))
    more = f" and {len(tags) - 1} more" if len(tags) > 1 else ""
    record = RepairRecord(
        repair_id=uuid4(),
        environment=name,
        tags=tags,
        reason=f"put back {tags[0]}{more}",
        repaired_at=runner.clock.now(),
        **record_header(operator, trace_id, runner.policy.digest),
    )
    # It also points the head tag to itself.
    entry = runner.append(record)
    head = runner.ledger.tag(name, None)
    with runner.hold(name):
        for tag, manifest in found.removed.items():
            if tag != head and not _put_back(runner, tag, manifest):
                found.problems.append(f"{tag} has other content by now, and was not changed")
    return LedgerRepair(name, tuple(found.removed), tuple(found.problems), entry)


def _find(runner: Runner, name: str, progress: Progress) -> _Found:
    found, ledger, policies = _Found(), runner.ledger, dict[str, None]()
    end = ledger.end(name)
    refuse_unadopted(name, end)
    runner.rewind_guard.check(name, end.head, runner.rewind_guard.known(name))
    try:
        for tag, entry, digest in _tagged(runner, name, progress):
            policies[entry.record.policy_digest] = None
            if digest is None:
                found.removed[tag] = entry.manifest
            elif digest != entry.digest:
                found.problems.append(_occupied(tag, entry, digest))
    except LedgerUnreadableError as error:
        found.problems.append(f"{error} The tags of the entries before it were not compared")
    if end.head is not None and not end.hinted:
        found.removed[ledger.tag(name, None)] = end.head.manifest
    for policy in policies:
        _find_policy(runner, policy, found)
    return found


def _tagged(
    runner: Runner, name: str, progress: Progress
) -> Iterator[tuple[Tag, LedgerEntry, Digest | None]]:
    """Yield the tag of each proven entry, newest first, with the digest that it points to."""
    entries = runner.ledger.walk(name)
    while portion := list(islice(entries, _PORTION)):
        progress.step(f"reading the ledger of {name}: entry {portion[0].sequence} and before")
        tags = [runner.ledger.tag(name, entry.sequence) for entry in portion]
        yield from zip(tags, portion, runner.pool.map(runner.registry.resolve, tags), strict=True)


def _find_policy(runner: Runner, digest: str, found: _Found) -> None:
    policies, tag = Policies.of(runner.registry), policy_tag(digest)
    fault, document = policies.fault(digest), policies.find(digest)
    if fault and document and runner.registry.resolve(tag) is None:
        found.removed[tag] = encode_policy(document)
    elif fault:
        found.problems.append(
            f"The policy {digest} {fault}: restore it from a backup of the registry or from an "
            "export"
        )


def _put_back(runner: Runner, tag: Tag, manifest: Manifest) -> bool:
    """Create the removed `tag`; False if it has other content by now."""
    if (present := runner.registry.resolve(tag)) is not None:
        return present == manifest.digest
    try:
        runner.registry.put(manifest, tag)
    except TagExistsError:
        return False
    _log.info("put back %s at %s", tag, manifest.digest)
    return True


def _occupied(tag: Tag, entry: LedgerEntry, found: Digest) -> str:
    return (
        f"{tag} points to {found.short}, and the chain has {entry.digest.short} as entry "
        f"{entry.sequence}: it was not changed. Point the tag to {entry.digest} with another tool "
        "after you found out who moved it"
    )
