"""Reads the tags that a cleanup must keep, among them all to which a ledger refers."""

from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatchcase

from engine.api import Engine
from engine.domain.artifact import Tag, Version
from engine.domain.current import runnable
from engine.domain.path import PromotionPath
from engine.domain.record import AnyRecord, PromotionRecord, RollbackRecord
from engine.domain.retention import Build, Retained, Retention, patterns_of


def read_retention(engine: Engine, keep: int, waiting: Collection[str]) -> Retention:
    """
    Read the tags and all ledgers, also those of environments that left the manifest.

    Builds are kept by name: the newest `keep`, those of the `waiting` versions, and those with a
    version or digest in a record. RegistryError or LedgerUnreadableError if anything is unreadable.
    """
    runner, path = engine.runner, engine.path
    tags = runner.registry.tags()
    read = (runner.ledger.parse_tag(tag) for tag in tags)
    names = tuple(dict.fromkeys((*path.names, *(each[0] for each in read if each))))
    walks = runner.pool.map(lambda name: tuple(e.record for e in runner.ledger.walk(name)), names)
    ledgers = dict(zip(names, walks, strict=True))
    patterns = patterns_of(name for name in names if name != path.entry.name or ledgers[name])
    builds = [tag for tag in tags if not any(fnmatchcase(tag.name, each) for each in patterns)]
    digests = dict(zip(builds, runner.pool.map(runner.registry.resolve, builds), strict=True))
    records = [record for each in ledgers.values() for record in each]
    moves = (each for each in records if isinstance(each, PromotionRecord | RollbackRecord))
    promoted = {each.artifact_digest for each in moves}
    needed = {str(digest) for each in records for digest in _digests(each)}
    versions = {tag: _version(path, tag) for tag in builds}
    wanted = {*waiting, *_newest(versions.values(), keep)}
    wanted |= {each.subject_version for each in records if each.subject_version}
    return Retention(
        keep,
        tuple(Retained(name, runnable(ledgers[name], keep)) for name in path.names),
        patterns,
        tuple(
            Build(tag.name, str(digest) in promoted)
            for tag, digest in digests.items()
            if str(digest) in needed or str(versions[tag]) in wanted
        ),
    )


def _digests(record: AnyRecord) -> Iterator[str]:
    """The digests of artifacts in `record`: one that it moves, and one that ran before."""
    for name in ("artifact_digest", "previous_digest"):
        if digest := getattr(record, name, None):
            yield digest


def _version(path: PromotionPath, tag: Tag) -> Version | None:
    """The version of a build, which has its own tag or one of the first environment."""
    reading = path.read(tag)
    if reading:
        return reading.version
    try:
        return Version(tag.name)
    except ValueError:
        return None


def _newest(versions: Iterable[Version | None], keep: int) -> tuple[str, ...]:
    ordered = sorted({each for each in versions if each}, reverse=True)
    return tuple(map(str, ordered[:keep]))
