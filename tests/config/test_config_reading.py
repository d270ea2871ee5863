"""Parsing of YAML: bounded, and by the rules of YAML 1.2."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.config import load_config
from engine.config.yaml_loader import MAX_BYTES, read_document
from engine.domain.errors import ConfigError
from tests.config.manifest_files import manifest, refused

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def read(directory: Path, text: str) -> dict[str, object]:
    path = directory / "manifest.yaml"
    path.write_text(text, encoding="utf-8")
    return read_document(path).tree


def test_a_missing_file_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: no such file; name one with --manifest"):
        load_config(tmp_path / "none.yaml", {})


def test_late_writer_of_a_pipe_is_awaited(tmp_path: Path) -> None:
    pipe = tmp_path / "manifest.yaml"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        tree = pool.submit(lambda: read_document(pipe).tree)
        time.sleep(0.2)
        with pipe.open("w") as end:
            for line in ("a: 1\n", "b: 2\n"):
                end.write(line)
                end.flush()
                time.sleep(0.2)

        assert tree.result(30) == {"a": 1, "b": 2}


def test_directory_as_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path, {})


def test_repeated_key_is_refused(tmp_path: Path) -> None:
    text = manifest(
        promotion="""
        environments:
          - name: prod
            authorization: {allowed_groups: [admins]}
            authorization: {}
        """
    )

    error = refused(tmp_path, text)

    assert str(error) == (
        f"{tmp_path}/manifest.yaml:10: authorization is repeated (first in line 9)"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not a mapping"),
        ("- a", "not a mapping"),
        ("a: [b", "not valid YAML: while parsing a flow sequence"),
        ("a: *b", "manifest.yaml:1: not valid YAML: found undefined alias"),
        ("a: 1\n---\nb: 1", "manifest.yaml:2: not valid YAML: expected a single document"),
        (
            "a: !!python/object/apply:os.system [true]",
            "manifest.yaml:1: YAML tags are not supported",
        ),
        ("a: !!bool x", "manifest.yaml:1: YAML tags are not supported"),
        ("? [a]\n: b", "manifest.yaml:1: a key must be a word"),
        ("a: \x00", "not valid YAML: control characters are not allowed"),
        ("[" * 200_000, "nested more than 40 levels deep"),
        ("{a: " * 100_000, "nested more than 40 levels deep"),
        ("- " * 50_000, "nested more than 40 levels deep"),
        ("- 1\n" * 60_000, "more than the limit of 50000 values"),
        ("a: &a [*a]", "its aliases expand to too many values"),
        (BOMB, "its aliases expand to too many values"),
        ("a: " + "x" * MAX_BYTES, f"larger than the limit of {MAX_BYTES} bytes"),
    ],
    ids=lambda value: value[:12].strip(),
)
def test_oversized_or_malformed_file_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)

    assert str(caught.value).startswith(f"{tmp_path}/manifest.yaml")
    assert problem in str(caught.value)


def test_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").write_bytes(b"a: \xff")

    with pytest.raises(ConfigError, match=r"not UTF-8 text \(byte 3\)"):
        read_document(tmp_path / "manifest.yaml")


def test_error_does_not_quote_a_secret(tmp_path: Path) -> None:
    error = refused(tmp_path, 'token: "hunter2" hunter2: [')

    assert "hunter2" not in str(error)


def test_only_true_and_false_are_booleans(tmp_path: Path) -> None:
    tree = read(
        tmp_path,
        "a: [off, no, yes, on, y]\nb: [true, False]\nc: [2026-01-31, 4:30, 010, 1_0, 0x1f]\n"
        "d: [1, -2, 1.5]\ne: [~, null, ]\nf: [=, '1', \"true\"]",
    )

    assert tree == {
        "a": ["off", "no", "yes", "on", "y"],
        "b": [True, False],
        "c": ["2026-01-31", "4:30", "010", "1_0", "0x1f"],
        "d": [1, -2, 1.5],
        "e": [None, None],
        "f": ["=", "1", "true"],
    }


def test_anchors_and_merges_are_resolved(tmp_path: Path) -> None:
    tree = read(tmp_path, "base: &base {a: 1, b: 2}\nmine: {<<: *base, b: 3}")

    assert tree["mine"] == {"a": 1, "b": 3}
