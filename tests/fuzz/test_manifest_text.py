"""Any file given as --manifest is accepted, or refused with all of its problems."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.config.yaml_loader import MAX_BYTES
from tests.config.test_config_schema import SPECIFIED
from tests.fuzz import commands
from tests.peers.signing import SigningKey
from tests.scenarios.commands import Finished

ROOT = Path(__file__).parents[2]
CANARY = "hunter2-canary"
_BLOCK = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
# Every valid manifest of the documentation and the examples.
GOOD = [
    SPECIFIED,
    (ROOT / "manifest.yaml").read_text(),
    *(
        block
        for page in sorted((ROOT / "docs").glob("*.md"))
        for block in _BLOCK.findall(page.read_text())
        if "artifacts:" in block
    ),
]
NAMED = re.compile(r"\$\{([A-Z_]+)\}|_env: ([A-Z_]+)")
TRICKS = [
    *("&a [*a]", "*a", "!!python/object/apply:os.system [id]", "!!binary aGk=", "<<: {a: 1}", "<<"),
    *("? [a]\n: b", "---\na: 1", "...", "%YAML 2.0\n---", "\t- x", "2026-01-01", "017", "0x1f"),
    *(".nan", "1e400", "9" * 400, "on", "off", "~", "''", "${", "${}", "${SECRET}", "${NOPE}"),
    *("\u202e", "\x00", "\x1b[2J", "\ufeff", "\x85", "\u2028", '"\\ud800"', '"\\x1b[2J"'),
    *("|\n  x\n", "{", "}", "[", "]", "{{a}}", "- - - -", "a" * 5000, "true", "5", "!", "&", "%"),
    *("'", '"', "#", ":", "- ", "  ", "[]", "{}", "9999-12-31T23:59:59-23:59", "!!omap []"),
]
# The edit of each line; line numbers are taken modulo the length.
EDIT = st.tuples(
    st.sampled_from(["drop", "repeat", "value", "misspell", "indent", "insert", "within", "swap"]),
    st.integers(0, 200),
    st.integers(0, 200),
    st.sampled_from(TRICKS),
)
Edit = tuple[str, int, int, str]


def edited(text: str, edits: list[Edit]) -> str:
    for what, at, other, trick in edits:
        lines = text.split("\n")
        at, other = at % len(lines), other % len(lines)
        line = lines[at]
        column = other % (len(line) + 1)
        changed = {
            "drop": [],
            "repeat": [line, lines[other]],
            "value": [line.partition(":")[0] + ": " + trick],
            "misspell": [re.sub(r"(\w)(\w)(\w*:)", r"\2\1\3", line, count=1)],
            "indent": [f" {line}"],
            "insert": [trick, line],
            "within": [line[:column] + trick + line[column:]],
            "swap": [lines[other]],
        }
        text = "\n".join([*lines[:at], *changed[what], *lines[at + 1 :]])
    return text


def asked(folder: Path, content: bytes, output: str = "json") -> Finished:
    """Run `floe platform status` with `content` as the manifest and all secrets set."""
    (folder / "manifest.yaml").write_bytes(content)
    names = {a or b for a, b in NAMED.findall(content.decode(errors="replace"))}
    secrets = dict.fromkeys({*names, "SECRET"} - {"NOPE", "HOME", "PATH"}, CANARY)
    return commands.run_floe(folder, "platform", "status", "--output", output, **secrets)


def assert_refused(done: Finished) -> list[dict[str, Any]]:
    """Assert a configuration error in one document, with the place of each problem."""
    error = done.document["error"]
    assert (done.code, error["exit_code"], error["reason_code"]) == (2, 2, "configuration")
    assert error["message"].startswith("manifest.yaml")
    problems: list[dict[str, Any]] = error["details"].get("problems", [])
    # A file that is no YAML has a problem without a path.
    assert all(each["message"] for each in problems)
    return problems


def assert_harmless(done: Finished, folder: Path, before: set[Path]) -> None:
    commands.assert_fit_to_show(done)
    assert CANARY not in done.out + done.err
    if done.code == 2:
        assert set(folder.iterdir()) == before


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("manifests")
    (place / "keys").mkdir()
    (place / "keys/release.pub").write_bytes(SigningKey.new().pem())
    (place / "manifest.yaml").touch()
    return place


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    good=st.sampled_from(GOOD),
    edits=st.lists(EDIT, min_size=1, max_size=3),
    output=st.sampled_from(["table", "json", "yaml"]),
)
def test_edited_manifest_is_accepted_or_refused_as_a_whole(
    folder: Path, good: str, edits: list[Edit], output: str
) -> None:
    before = set(folder.iterdir())

    done = asked(folder, edited(good, edits).encode(), output)

    assert_harmless(done, folder, before)
    # A manifest that is still valid names registries that do not run here.
    assert done.code in (0, 2, 5)
    if output == "json" and done.code == 2:
        assert_refused(done)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_refused(folder: Path, content: bytes) -> None:
    before = set(folder.iterdir())

    done = asked(folder, content)

    assert_refused(done)
    assert_harmless(done, folder, before)


BOMB = "a0: &a0 [x, x]\n" + "".join(
    f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(40)
)
MERGED = "b0: &b0 {x: 1}\n" + "".join(
    f"b{n + 1}: &b{n + 1} {{<<: [{', '.join([f'*b{n}'] * 9)}]}}\n" for n in range(40)
)
HOSTILE = {
    "billion laughs": BOMB.encode(),
    "billion merges": MERGED.encode(),
    "deep in flow": b"a: " + b"[" * 10_000,
    "deep in maps": b"a: " + b"{b: " * 10_000,
    "deep in blocks": "".join(f"{' ' * n}a:\n" for n in range(1000)).encode(),
    "deep in keys": b"? " * 10_000,
    "deep in lists": b"- " * 10_000,
    "a huge word": b"apiVersion: " + b"x" * (MAX_BYTES - 100),
    "many keys": "".join(f"k{n}: 1\n" for n in range(90_000)).encode(),
    "many anchors": "".join(f"k{n}: &a{n} 1\n" for n in range(50_000)).encode(),
    "utf-16": "apiVersion: floe.dev/v1\n".encode("utf-16"),
    "a broken character": b"apiVersion: \xff\n",
    "an object": b"!!python/object/apply:os.system ['touch created']",
    "two documents": b"a: 1\n---\nb: 2\n",
    "a list": b"- apiVersion: floe.dev/v1\n",
    "not a number": b"{apiVersion: .nan, kind: .inf, artifacts: 0o17}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_refused_cheaply(folder: Path, name: str) -> None:
    before = set(folder.iterdir())

    done = asked(folder, HOSTILE[name])

    assert_refused(done)
    assert_harmless(done, folder, before)
    assert len(done.out) < 200_000


def test_byte_order_mark_is_ignored(folder: Path) -> None:
    done = asked(folder, b"\xef\xbb\xbf" + b"apiVersion: floe.dev/v2\n")

    assert "apiVersion" in [problem["path"] for problem in assert_refused(done)]


@pytest.mark.parametrize("kind", ["pipe", "zeros", "large", "folder", "loop", "unreadable name"])
def test_special_file_is_refused_in_time(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("a" * 300 if kind == "unreadable name" else "m")
    make = {
        "pipe": lambda: os.mkfifo(path),
        "zeros": lambda: path.symlink_to("/dev/zero"),
        "large": lambda: path.write_bytes(b" " * 100 * MAX_BYTES),
        "folder": path.mkdir,
        "loop": lambda: path.symlink_to(path),
    }
    if kind in make:
        make[kind]()

    done = commands.run_floe(
        tmp_path, "platform", "status", "--manifest", str(path), "--output", "json"
    )

    assert done.code == done.document["error"]["exit_code"] == 2
    assert str(path) in done.document["error"]["message"]
    commands.assert_fit_to_show(done)
