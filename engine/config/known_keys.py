"""The known keys of a configuration file, for suggestions about unknown ones."""

from collections.abc import Iterator
from itertools import takewhile
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from engine.config.yaml_loader import Key

Model = type[BaseModel]


def fields_at(root: Model, location: tuple[Key, ...]) -> dict[str, str]:
    """List the known keys at `location` in a file of the model `root`, with descriptions."""
    models = sorted(_models(root, location), key=lambda model: model.__name__)
    return dict(field for model in models for field in _keys(model))


def nested_key(root: Model, section: tuple[Key, ...], word: str, value: object) -> str | None:
    """
    Suggest `audit: {backend: oci}` for `audit_backend: oci`; None without such a key.

    A value may be a secret, so it is repeated only if the key has a fixed list of words.
    """
    for name in fields_at(root, section):
        rest = word.removeprefix(f"{name}_")
        models = _models(root, (*section, name))
        if rest == word or rest not in fields_at(root, (*section, name)):
            continue
        choices = {choice for model in models for choice in _choices(model, rest)}
        return f"{name}: {{{rest}: {value if value in choices else '…'}}}"
    return None


def home_of(root: Model, section: tuple[Key, ...], word: str) -> str | None:
    """
    Find the section nearest to `section` that has the key `word`, as a path of the file; None if
    there is none, or if another form of the same section has it.
    """
    here = tuple(key for key in section if isinstance(key, str) and not key.startswith("("))
    homes = [path for path, key in _tree(root, ()) if key == word and path]
    if not homes or here in homes:
        return None
    nearest = max(homes, key=lambda home: (_count_shared(home, here), -len(home)))
    return ".".join(nearest)


def _count_shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """Count the first keys that both paths share."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _models(root: Model, location: tuple[Key, ...]) -> set[Model]:
    models = {root}
    for key in location:
        if isinstance(key, int):
            continue
        below = {model for each in models for model in _models_at(each, key)}
        chosen = {model for model in models if _is_variant(model, key)}
        models = below or chosen or models
    return models


def _tree(model: Model, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """All keys of the file with their sections."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        yield path, key
        for below in models_in(field.annotation):
            yield from _tree(below, (*path, key))


def _choices(model: Model, name: str) -> tuple[object, ...]:
    """The values of a key with a fixed list of words; empty for others."""
    field = model.model_fields.get(name)
    return get_args(field.annotation) if field and get_origin(field.annotation) is Literal else ()


def _is_variant(model: Model, tag: str) -> bool:
    """Whether `model` has the tag `tag` of `field_types.variant`."""
    choices = [get_args(field.annotation) for field in model.model_fields.values()]
    fixed = [words[0] for words in choices if len(words) == 1 and isinstance(words[0], str)]
    return f"({fixed[0]})" == tag if fixed else tag == "(other)"


def _keys(model: Model) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        yield field.alias or name, field.description or ""


def _models_at(model: Model, key: str) -> Iterator[Model]:
    for name, field in model.model_fields.items():
        if (field.alias or name) == key:
            yield from models_in(field.annotation)


def models_in(annotation: Any) -> Iterator[Model]:
    """Yield the models in the type of a field."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)
