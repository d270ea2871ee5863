"""Any file content gives a configuration or a list of problems."""

import copy
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import load_config
from engine.domain.errors import ConfigError
from tests.config.test_config_schema import SPECIFIED

VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=5),
        st.sampled_from(["off", "oci", "prod", "${X}", "4h", "a@b"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers(), st.booleans()), inner),
    ),
    max_leaves=4,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in the tree, without the root."""
    entries: list[tuple[Any, Any]] = list(value.items()) if isinstance(value, dict) else []
    if isinstance(value, list):
        entries = list(enumerate(value))
    below = [place for key, inner in entries for place in places(inner, (*path, key))]
    return [path, *below] if path else below


def replace(tree: Any, path: tuple[Any, ...], value: Any) -> None:
    """Put `value` at `path`, unless an earlier replacement removed the path."""
    *parents, last = path
    for key in parents:
        if not has(tree, key):
            return
        tree = tree[key]
    if has(tree, last):
        tree[last] = value


def has(tree: Any, key: Any) -> bool:
    if isinstance(tree, dict):
        return key in tree
    return isinstance(tree, list) and isinstance(key, int) and key < len(tree)


TREE = yaml.safe_load(SPECIFIED)


@settings(max_examples=150, deadline=None)
@given(replaced=st.lists(st.tuples(st.sampled_from(places(TREE)), VALUES), min_size=1, max_size=3))
def test_any_value_loads_or_gives_a_list_of_problems(
    replaced: list[tuple[tuple[Any, ...], Any]],
) -> None:
    tree = copy.deepcopy(TREE)
    for place, value in replaced:
        replace(tree, place, value)
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "keys").mkdir()
        (Path(directory) / "keys" / "release.pub").write_text("key")
        path = Path(directory) / "manifest.yaml"
        path.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
        try:
            config = load_config(path, {})
        except ConfigError as error:
            assert str(error).startswith(str(path))
            assert "pydantic" not in str(error)
            assert "function-" not in str(error)
        else:
            assert config.policy.digest.startswith("sha256:")
