"""The products of `floe serve`: reports about them, and the reload on SIGHUP."""

import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from threading import Thread

from cli.errors import failure_lines
from cli.stdio import remark
from engine.config import Config
from engine.config.connection import EmbeddedRegistry
from engine.domain.errors import PromotionError, StoreUnavailableError
from engine.domain.text import printable
from engine.platform import Platform, Products, Reloaded


def report_products(products: Products) -> None:
    """Print the number of products, and why some cannot be used."""
    if products.several:
        _print(_broken_lines(products.broken, products))
        _print(_waiting_lines(products))
        remark(f"Products: {len(products)} of {len({*products, *products.broken})}")


def reload_on_hangup(products: Products) -> None:
    """Read the files of several products again when the process receives SIGHUP."""
    if products.several:
        # In a thread of its own, because the signal interrupts the loop of the server.
        signal.signal(
            signal.SIGHUP,
            lambda *_: Thread(target=_reload, args=(products,), daemon=True).start(),
        )


def complete_interrupted(products: Products, configs: Mapping[str, Config]) -> list[Thread]:
    """
    Complete the work of ended servers, in one thread for each registry host.

    A slow registry delays neither the first answers nor the products of another one.
    """
    hosts: dict[str, list[Platform]] = {}
    for name, platform in products.items():
        registry = configs[name].registry
        host = "" if isinstance(registry, EmbeddedRegistry) else registry.host
        hosts.setdefault(host, []).append(platform)
    threads = [Thread(target=_complete_all, args=(each,), daemon=True) for each in hosts.values()]
    for thread in threads:
        thread.start()
    return threads


def _complete_all(platforms: Sequence[Platform]) -> None:
    for platform in platforms:
        platform.engine.complete_interrupted()


def _reload(products: Products) -> None:
    try:
        found = products.reload()
    except PromotionError as error:
        _print(failure_lines("Not reloaded", error))
    else:
        _print(_broken_lines(found.broken, products))
        _print(_summary(found))


def _summary(found: Reloaded) -> Iterator[str]:
    counts = (
        f"{len(names)} {verb}"
        for names, verb in (
            (found.opened, "opened"),
            (found.replaced, "replaced"),
            (found.removed, "removed"),
        )
    )
    yield f"Reloaded: {', '.join(counts)}"
    if found.restart:
        yield f"Restart floe serve: {', '.join(found.restart)} changed too"


def _broken_lines(broken: Mapping[str, PromotionError], products: Products) -> Iterator[str]:
    for name, error in broken.items():
        kept = "keeps its last version" if name in products else "cannot be used"
        yield from failure_lines(f"Product {name} {kept}", error)


def _waiting_lines(products: Products) -> Iterator[str]:
    """Name the products whose open changes this server cannot work on."""
    try:
        opened = Counter(change.product for change in products.store.open())
    except StoreUnavailableError:
        # The page and /readyz report it.
        return
    for name, number in opened.items():
        if name not in products:
            yield (
                f"WARNING: {number} open changes of {name} wait until that product can be used: "
                "bring its file back"
            )


def _print(lines: Iterator[str] | Sequence[str]) -> None:
    for line in lines:
        remark(printable(line))
