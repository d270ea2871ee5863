"""`python -m bench`: every measurement, as counts and ratios that any machine can compare."""

from collections.abc import Callable, Iterator

from bench import copy, promote, requests, scale, startup, web

MEASUREMENTS: dict[str, Callable[[], Iterator[str]]] = {
    "Requests": requests.lines,
    "Promote": promote.lines,
    "Copy": copy.lines,
    "Scale": scale.lines,
    "Start": startup.lines,
    "Page": web.lines,
}


def main() -> None:
    for title, lines in MEASUREMENTS.items():
        print(title)
        for line in lines():
            print(f"  {line}", flush=True)


if __name__ == "__main__":
    main()
