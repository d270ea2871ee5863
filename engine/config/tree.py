"""A look at the file as it was written, whether or not its values are right."""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.config.known_keys import Key
from engine.config.problems import Problem

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Node:
    """
    A value and where it stands; what is not there, or not of the shape asked for, is empty.

    Rules that compare values are judged on this, so that they speak up beside other errors.
    """

    value: object
    path: tuple[Key, ...] = ()

    def __getitem__(self, dotted: str) -> "Node":
        node = self
        for key in dotted.split("."):
            inner = node.value.get(key, _ABSENT) if isinstance(node.value, dict) else _ABSENT
            node = Node(inner, (*node.path, key))
        return node

    def __bool__(self) -> bool:
        """Whether it is there at all."""
        return self.value is not _ABSENT

    @property
    def items(self) -> "tuple[Node, ...]":
        """The entries of a list."""
        if not isinstance(self.value, list):
            return ()
        return tuple(Node(item, (*self.path, index)) for index, item in enumerate(self.value))

    @property
    def entries(self) -> "Iterator[tuple[str, Node]]":
        """The entries of a mapping."""
        if isinstance(self.value, dict):
            for key, value in self.value.items():
                yield str(key), Node(value, (*self.path, key))

    @property
    def text(self) -> str | None:
        return self.value if isinstance(self.value, str) else None

    @property
    def names(self) -> frozenset[str]:
        """The texts of a list."""
        return frozenset(item.text for item in self.items if item.text is not None)

    @property
    def number(self) -> int:
        return self.value if isinstance(self.value, int) and self.value is not True else 0

    @property
    def empty(self) -> bool:
        """Whether a list is there and has nothing in it."""
        return self.value == []

    def problem(self, message: str) -> Problem:
        return Problem(self.path, message)
