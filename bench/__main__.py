"""
Prints one table of all measurements, and writes it as JSON: `python -m bench`.

Arguments select measurements by name; `--full` uses the largest sizes, `--json FILE` names the
document, whose other measurements stay. The exit code is 1 if a bound is missed.
"""

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bench import (
    copy,
    database,
    delta,
    half_open,
    idle,
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
    viewers,
    web,
    windows,
)
from bench.rows import (
    HEADER,
    Judged,
    Row,
    bounds_of,
    conditions,
    exit_code,
    judge,
    line,
    missed,
    save,
)

Measurement = Callable[[], Iterator[Row]]
MEASUREMENTS: dict[str, Measurement] = {
    "Requests": requests.rows,
    "Promote": promote.rows,
    "Signing": signing.rows,
    "Database": database.rows,
    "Copy": copy.rows,
    "Delta": delta.rows,
    "Windows": windows.rows,
    "Scale": scale.rows,
    "Start": startup.rows,
    "Versions": versions.rows,
    "Slack": slack_ack.rows,
    "SlackReplicas": slack_replicas.rows,
    "Load": load.rows,
    "HalfOpen": half_open.rows,
    "Idle": idle.rows,
    "Nemesis": nemesis.rows,
    "Page": web.rows,
    "Viewers": viewers.rows,
    "Products": products.rows,
    "ProductsStart": products_start.rows,
}
FULL: dict[str, Measurement] = {
    "Scale": partial(scale.rows, full=True),
    "Load": partial(load.rows, full=True),
    "Nemesis": partial(nemesis.rows, full=True),
    "Page": partial(web.rows, full=True),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description="Measure, and compare with bounds.")
    parser.add_argument("names", nargs="*", metavar="MEASUREMENT", help=", ".join(MEASUREMENTS))
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), metavar="FILE")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(MEASUREMENTS):
        parser.error(f"unknown measurement {', '.join(unknown)}: choose from {[*MEASUREMENTS]}")
    print(line(HEADER))
    judged = [
        each
        for name in chosen.names or MEASUREMENTS
        for each in _measure(name, chosen.full, chosen.json)
    ]
    failed = missed(judged)
    print(f"{len(judged)} figures, written to {chosen.json}; {len(failed)} bounds are missed")
    for each in failed:
        print(line(each.cells()))
    return exit_code(judged)


def _measure(title: str, full: bool, file: Path) -> list[Judged]:
    measure = FULL.get(title, MEASUREMENTS[title]) if full else MEASUREMENTS[title]
    facts, judged = conditions(), []
    print(f"{title}: {facts}")
    for each in judge(measure(), bounds_of(title, full)):
        judged.append(each)
        print(line(each.cells()), flush=True)
    save(file, title, facts | {"full": full, "load_after": conditions()["load"]}, judged)
    return judged


if __name__ == "__main__":
    raise SystemExit(main())
