"""
Prints all measurements as counts and ratios, comparable on any machine: `python -m bench`.

Arguments select measurements by name; `--full` uses the largest sizes.
"""

import sys
from collections.abc import Callable, Iterator
from functools import partial

from bench import (
    copy,
    database,
    delta,
    half_open,
    load,
    nemesis,
    products,
    products_start,
    promote,
    requests,
    scale,
    signing,
    slack_ack,
    slack_replicas,
    startup,
    versions,
    web,
    windows,
)

MEASUREMENTS: dict[str, Callable[[], Iterator[str]]] = {
    "Requests": requests.lines,
    "Promote": promote.lines,
    "Signing": signing.lines,
    "Database": database.lines,
    "Copy": copy.lines,
    "Delta": delta.lines,
    "Windows": windows.lines,
    "Scale": scale.lines,
    "Start": startup.lines,
    "Versions": versions.lines,
    "Slack": slack_ack.lines,
    "SlackReplicas": slack_replicas.lines,
    "Load": load.lines,
    "HalfOpen": half_open.lines,
    "Nemesis": nemesis.lines,
    "Page": web.lines,
    "Products": products.lines,
    "ProductsStart": products_start.lines,
}
FULL: dict[str, Callable[[], Iterator[str]]] = {
    "Copy": partial(copy.lines, 1024),
    "Scale": partial(scale.lines, full=True),
    "Load": partial(load.lines, full=True),
    "Nemesis": partial(nemesis.lines, full=True),
}


def main(arguments: list[str]) -> None:
    full = "--full" in arguments
    chosen = [name for name in arguments if name != "--full"] or list(MEASUREMENTS)
    if unknown := set(chosen) - set(MEASUREMENTS):
        sys.exit(f"unknown measurement {', '.join(unknown)}: choose from {', '.join(MEASUREMENTS)}")
    for title in chosen:
        lines = FULL.get(title, MEASUREMENTS[title]) if full else MEASUREMENTS[title]
        print(title)
        for line in lines():
            print(f"  {line}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
