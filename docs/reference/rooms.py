"""The picture of the packages, from the import graph itself."""

from collections.abc import Iterator, Mapping

import grimp

_FACES = ("bot", "cli", "floe", "web")
BEGIN = "<!-- rooms: written by `make reference` from the import graph -->\n"
END = "<!-- /rooms -->"

Graph = Mapping[str, frozenset[str]]


def picture() -> str:
    """The rooms as a Mermaid flowchart: an arrow for each import that no longer path implies."""
    graph = reduced(imports())
    lines = ["```mermaid", "flowchart TD"]
    lines += [f"    {room}" for room in sorted(graph)]
    lines += [f"    {room} --> {below}" for room in sorted(graph) for below in sorted(graph[room])]
    return "\n".join([*lines, "```", ""])


def imports() -> Graph:
    """The rooms that each room imports. A room is an interface, or a child of `engine`."""
    graph = grimp.build_graph("engine", "bot", "cli", "floe", "web")
    found: dict[str, set[str]] = {}
    for module in graph.modules:
        room = _room(module)
        if room is None:
            continue
        below = found.setdefault(room, set())
        for imported in graph.find_modules_directly_imported_by(module):
            other = _room(imported)
            if other is not None and other != room:
                below.add(other)
    return {room: frozenset(below) for room, below in found.items()}


def reduced(graph: Graph) -> Graph:
    """`graph` without the arrows that a longer path implies (its transitive reduction)."""
    return {
        room: frozenset(
            below
            for below in direct
            if not any(below in _reached(graph, other) for other in direct - {below})
        )
        for room, direct in graph.items()
    }


def page_with_picture(page: str) -> str:
    """`page` with the picture between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{picture()}{END}{after}"


def _room(module: str) -> str | None:
    first, _, rest = module.partition(".")
    if first in _FACES:
        return first
    return rest.partition(".")[0] or None


def _reached(graph: Graph, start: str) -> frozenset[str]:
    seen: set[str] = set()
    pending = list(_below(graph, start))
    while pending:
        room = pending.pop()
        if room not in seen:
            seen.add(room)
            pending += _below(graph, room)
    return frozenset(seen)


def _below(graph: Graph, room: str) -> Iterator[str]:
    yield from graph.get(room, ())
