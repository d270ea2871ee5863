"""Dataclasses of commands behave like others, and compile their methods at the first call."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEFINED = """
import dataclasses
from dataclasses import dataclass, field, replace
from cli import lazy_dataclasses

compiled = []
if hasattr(dataclasses, "_create_fn"):
    eager = dataclasses._create_fn
    dataclasses._create_fn = lambda name, *a, **k: compiled.append(name) or eager(name, *a, **k)
lazy_dataclasses.install()

@dataclass(frozen=True, slots=True, order=True)
class Point:
    x: int
    y: int = 2
    tags: list[str] = field(default_factory=list, compare=False)

    def __post_init__(self):
        assert self.x >= 0

@dataclass
class Child(Point.__base__):
    name: str
"""


def run(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DEFINED + code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "code",
    [
        "assert Point(1) == Point(1, 2) != Point(1, 3)",
        "assert Point(1) < Point(2) and sorted([Point(2), Point(1)])[0] == Point(1)",
        "assert hash(Point(1)) == hash(Point(1, 2))",
        "assert repr(Point(1)) == 'Point(x=1, y=2, tags=[])'",
        "assert replace(Point(1), y=5) == Point(1, 5)",
        "assert Point(1).tags is not Point(1).tags",
        "child = Child('a'); child.name = 'b'; assert child == Child(name='b')",
    ],
)
def test_methods_behave_as_usual(code: str) -> None:
    run(code)


@pytest.mark.parametrize("code", ["Point(1).x = 3", "del Point(1).x"])
def test_frozen_value_stays_frozen(code: str) -> None:
    run(f"try:\n    {code}\nexcept dataclasses.FrozenInstanceError:\n    pass\nelse:\n    raise 1")


@pytest.mark.parametrize("code", ["Point()", "Point(1, z=2)"])
def test_wrong_arguments_are_refused(code: str) -> None:
    run(f"try:\n    {code}\nexcept TypeError:\n    pass\nelse:\n    raise 1")


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="Python compiles all methods at once")
def test_methods_are_compiled_at_their_first_call() -> None:
    run("assert not compiled\nPoint(1), Point(2)\nassert compiled == ['__init__']")
