"""Reads versions and changes for shells, without gates, webhooks and audit backends."""

from contextlib import closing

from engine.adapters.ledger.ledger import RegistryLedgerReader
from engine.adapters.store import SqlStore
from engine.bootstrap.adapters import registry_of
from engine.bootstrap.clock import clock_of
from engine.bootstrap.shared import open_shared
from engine.bootstrap.state import changes_database
from engine.config import Config
from engine.config.connection import EmbeddedRegistry
from engine.domain.change import Change
from engine.domain.versions import read_version_tags


def is_local(config: Config) -> bool:
    """Whether the registry and the state of `config` are files of this machine."""
    return isinstance(config.registry, EmbeddedRegistry) and config.state_url is None


def published_versions(config: Config) -> tuple[str, ...]:
    """List the versions that have tags, newest first. One listing of the tags."""
    with open_shared(config) as shared:
        registry = registry_of(config.registry, shared)
        tags, ledger = registry.tags(), RegistryLedgerReader(registry)
    removed = {each[0] for each in map(ledger.parse_tag, tags) if each}
    return tuple(read_version_tags(config.path, tags, removed).environments)


def open_changes(config: Config) -> tuple[Change, ...]:
    """List the open changes that are stored for `config`, oldest first."""
    database, clock = changes_database(config), clock_of(config)
    with closing(SqlStore(database, clock, product=config.product)) as store:
        now = clock.now()
        return tuple(change for change in store.open() if not change.overdue(now))
