"""Brings the products of a running server up to date with their files."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from engine.changes.sweeper import Workplace
from engine.config import Config, Installation, ServerConfig
from engine.config.server_file import repositories_of
from engine.domain.errors import ConfigError, PromotionError, StoreUnavailableError
from engine.platform import Platform, Products, Reloaded

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0
_STATE = ("state_dir", "state_url", "state_listen_url", "state_schema")
# Sections of the server file that only a start reads.
_AT_START = ("slack", "web")


class _RepositoryInUseError(ConfigError):
    """Another product of this server still has the repository."""


@contextmanager
def explain_failure(product: str) -> Iterator[None]:
    """Turn an unexpected error into a PromotionError, which affects one product."""
    try:
        yield
    except PromotionError:
        raise
    except Exception as error:
        _log.exception("product %s cannot be opened", product)
        raise PromotionError(f"an unexpected error occurred in floe ({error!r})") from error


@dataclass(frozen=True)
class _Opened:
    """A version of a product that nothing uses yet."""

    config: Config
    place: Workplace
    platform: Platform


@dataclass
class Reloader:
    """
    Opens, replaces and closes `products` as their files say, at most one reload at a time.

    `read` reads the files, and `open_product` opens one product. A product whose file is wrong
    keeps its last version; if the people of the server file changed too, it is closed. A product
    without a file accepts no requests, and is closed when its open changes have ended; until then
    it follows the people of the server file. `configs` are those of the open products, and `server`
    is the server file at the start.
    """

    products: Products
    configs: dict[str, Config]
    server: ServerConfig
    read: Callable[[], Installation]
    open_product: Callable[[Config], tuple[Workplace, Platform]]
    look_seconds: float = _LOOK_SECONDS

    def __post_init__(self) -> None:
        self._places = self.products.worker.products
        self._ended = threading.Event()
        self._turn = threading.Lock()
        self._draining: set[str] = set()

    def stop(self) -> None:
        """Look no more at products that are being closed."""
        self._ended.set()

    def reload(self) -> Reloaded:
        """Read the files again; ConfigError if the server file is wrong, and nothing changes."""
        with self._turn:
            found = self.read()
            if any(getattr(found.server, each) != getattr(self.server, each) for each in _STATE):
                raise ConfigError(f"{found.file}: state was changed: restart floe serve")
            if not found.files:
                raise ConfigError(f"{found.file}: products has no file: no product was closed")
            return self._apply(found)

    def _apply(self, found: Installation) -> Reloaded:
        before = dict(self.products)
        broken = dict(self._broken(found))
        removed = [name for name in before if name not in {*found.products, *broken}]
        opened = self._open_changed(found, removed, broken)
        revoked = {name for name in broken if self._has_other_people(name, found.server)}
        platforms = {
            name: opened[name].platform if name in opened else before[name]
            for name in found.products
            if name in opened or (name in before and name not in revoked)
        }
        kept = {
            name: opened[name].platform if name in opened else before[name]
            for name in before
            if name not in {*platforms, *revoked}
        }
        newly = tuple(name for name in removed if name in kept and name not in self._draining)
        self.products.people.replace(found.server.identity)
        for name, each in opened.items():
            if name in removed:
                each.place.changes.closed.set()
            self._replace(name, each)
        for name in revoked:
            del self._places[name], self.configs[name]
            self._draining.discard(name)
        self.products.update({**platforms, **kept}, broken)
        for name in kept:
            if name in removed and name not in self._draining:
                self._drain(name)
        _log_broken(broken, self.products)
        return Reloaded(
            opened=tuple(name for name in platforms if name not in before),
            replaced=tuple(
                name for name in platforms if before.get(name) not in (None, platforms[name])
            ),
            removed=newly,
            broken=broken,
            restart=self._changed_at_start(found.server),
        )

    def _open_changed(
        self, found: Installation, removed: Sequence[str], broken: dict[str, PromotionError]
    ) -> dict[str, _Opened]:
        """Open products whose settings changed; a product that cannot be opened is `broken` too."""
        configs = {
            # A sign-in that counts from the next start chooses no people yet.
            name: replace(config, web=config.web.model_copy(update={"auth": self.server.web.auth}))
            for name, config in found.products.items()
        }
        for name in removed:
            if self._has_other_people(name, found.server):
                configs[name] = self.configs[name].with_people(found.server.identity)
        opened: dict[str, _Opened] = {}
        for name, config in configs.items():
            if name not in broken and (name in removed or self._differs(name, config)):
                try:
                    opened[name] = self._open(config, opened)
                except PromotionError as error:
                    broken[name] = error
        return opened

    def _changed_at_start(self, server: ServerConfig) -> tuple[str, ...]:
        names = [name for name in _AT_START if getattr(server, name) != getattr(self.server, name)]
        if names:
            _log.warning("restart floe serve: %s of the server file changed", ", ".join(names))
        return tuple(names)

    def _broken(self, found: Installation) -> Iterator[tuple[str, PromotionError]]:
        """The errors of files, by the product that each file had when it was right."""
        had = {config.file: name for name, config in self.configs.items()}
        files = {Path(str(error.details["file"])): name for name, error in found.broken.items()}
        kept = {had[file] for file in files if file in had}
        for file, name in files.items():
            new = str(file) if name in kept else name
            yield had.get(file, new), found.broken[name]

    def _has_other_people(self, name: str, server: ServerConfig) -> bool:
        """Whether the people or roles of the server file are others than those of the product."""
        config = self.configs.get(name)
        return config is not None and config.identity != server.identity

    def _differs(self, name: str, config: Config) -> bool:
        return config != self.configs.get(name) or name in self._draining

    def _open(self, config: Config, opened: Mapping[str, _Opened]) -> _Opened:
        """Open a product beside its last version, after those in `opened`."""
        configs = self.configs | {name: each.config for name, each in opened.items()}
        for other, its in configs.items():
            shared = repositories_of(its).keys() & repositories_of(config).keys()
            if other != config.product and shared:
                raise _RepositoryInUseError(
                    f"{config.file}: the product {other} still has this repository: reload again "
                    f"when {other} was changed or closed"
                )
        return _Opened(config, *self.open_product(config))

    def _replace(self, name: str, opened: _Opened) -> None:
        """Give new work to this version; the last one finishes the changes it works on."""
        if name in self._places:
            opened.place.changes.rejections.take_over(self._places[name].changes.rejections)
        self._places[name] = opened.place
        self.configs[name] = opened.config
        self._draining.discard(name)

    def _drain(self, name: str) -> None:
        place = self._places[name]
        place.changes.closed.set()
        self._draining.add(name)
        _log.warning("product %s is closed when its open changes have ended", name)
        ending = threading.Thread(target=self._close, args=(name, place), daemon=True)
        ending.start()

    def _close(self, name: str, place: Workplace) -> None:
        """Close a product when two looks found no open changes: one may just be added."""
        quiet = 0
        while quiet < 2:
            if self._ended.wait(self.look_seconds) or self._places.get(name) is not place:
                return
            quiet = quiet + 1 if _has_ended(place) else 0
        with self._turn:
            # It may be back, or for other people.
            if self._places.get(name) is not place:
                return
            self._draining.discard(name)
            del self._places[name], self.configs[name]
            rest = {other: each for other, each in self.products.items() if other != name}
            self.products.update(rest, self.products.broken)
        _log.warning("product %s is closed", name)
        if any(isinstance(each, _RepositoryInUseError) for each in self.products.broken.values()):
            self._reload_again()

    def _reload_again(self) -> None:
        try:
            self.reload()
        except ConfigError as error:
            _log.error("files not read again: %s", error)


def _has_ended(place: Workplace) -> bool:
    try:
        return not place.changes.store.open() and not place.changes.rejections.owed
    except StoreUnavailableError:
        return False


def _log_broken(broken: Mapping[str, PromotionError], products: Products) -> None:
    for name, error in broken.items():
        kept = "keeps its last version" if name in products else "cannot be used"
        _log.error("product %s %s: %s", name, kept, error)
