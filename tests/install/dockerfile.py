"""Parses the subset of Dockerfile syntax that ours uses; anything else is an error."""

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


def _pairs(text: str) -> dict[str, str]:
    return {name: value for name, _, value in (pair.partition("=") for pair in shlex.split(text))}


# The instructions that set something in a stage, and their parsers; others concern the engine.
_READ: dict[str, tuple[str, Callable[[str], object]]] = {
    "WORKDIR": ("workdir", str),
    "USER": ("user", str),
    "ENV": ("environ", _pairs),
    "LABEL": ("labels", _pairs),
    "HEALTHCHECK": ("healthcheck", lambda text: json.loads(text.partition("CMD ")[2])),
    "ENTRYPOINT": ("entrypoint", json.loads),
    "CMD": ("command", json.loads),
}
_SILENT = ("VOLUME", "EXPOSE", "STOPSIGNAL")


@dataclass
class Stage:
    """One FROM and its instructions; `steps` are COPY and RUN in order."""

    name: str
    steps: list[tuple[str, str, str]] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "0:0"
    healthcheck: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def take(self, word: str, rest: str) -> None:
        if word in ("COPY", "RUN"):
            self.steps.append((word, rest, self.workdir))
        elif word in _READ:
            name, read = _READ[word]
            setattr(self, name, read(rest))
        elif word not in _SILENT:
            raise ValueError(f"{word} is not understood: {rest}")


def stages(path: Path) -> list[Stage]:
    found: list[Stage] = []
    for word, rest in _instructions(path.read_text()):
        if word == "FROM":
            found.append(Stage(rest.partition(" AS ")[2] or "final"))
        else:
            found[-1].take(word, rest)
    return found


def _instructions(text: str) -> list[tuple[str, str]]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.split("\n"))]
