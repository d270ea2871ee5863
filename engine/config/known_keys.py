"""The known keys of manifest.yaml, for suggestions about unknown ones."""

from collections.abc import Iterator
from itertools import takewhile
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from engine.config.models import ManifestFile

Key = str | int


def fields_at(location: tuple[Key, ...]) -> dict[str, str]:
    """List the known keys at `location`, with their descriptions."""
    models = sorted(_models(location), key=lambda model: model.__name__)
    return dict(field for model in models for field in _keys(model))


def nested_key(section: tuple[Key, ...], word: str, value: object) -> str | None:
    """
    Suggest `audit: {backend: oci}` for `audit_backend: oci`; None without such a key.

    A value may be a secret, so it is repeated only if the key has a fixed list of words.
    """
    for name in fields_at(section):
        rest = word.removeprefix(f"{name}_")
        models = _models((*section, name))
        if rest == word or rest not in fields_at((*section, name)):
            continue
        choices = {choice for model in models for choice in _choices(model, rest)}
        return f"{name}: {{{rest}: {value if value in choices else '…'}}}"
    return None


def home_of(section: tuple[Key, ...], word: str) -> str | None:
    """
    Find the section nearest to `section` that has the key `word`, as a path of the file; None if
    there is none, or if another form of the same section has it.
    """
    here = tuple(key for key in section if isinstance(key, str) and not key.startswith("("))
    homes = [path for path, key in _tree(ManifestFile, ()) if key == word and path]
    if not homes or here in homes:
        return None
    nearest = max(homes, key=lambda home: (_count_shared(home, here), -len(home)))
    return ".".join(nearest)


def _count_shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """Count the first keys that both paths share."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _models(location: tuple[Key, ...]) -> set[type[BaseModel]]:
    models: set[type[BaseModel]] = {ManifestFile}
    for key in location:
        if isinstance(key, int):
            continue
        below = {model for each in models for model in _models_at(each, key)}
        chosen = {model for model in models if _is_variant(model, key)}
        models = below or chosen or models
    return models


def _tree(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """All keys of the file with their sections."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        yield path, key
        for below in _models_in(field.annotation):
            yield from _tree(below, (*path, key))


def _choices(model: type[BaseModel], name: str) -> tuple[object, ...]:
    """The values of a key with a fixed list of words; empty for others."""
    field = model.model_fields.get(name)
    return get_args(field.annotation) if field and get_origin(field.annotation) is Literal else ()


def _is_variant(model: type[BaseModel], tag: str) -> bool:
    """Whether `model` has the tag `tag` of `field_types.variant`."""
    choices = [get_args(field.annotation) for field in model.model_fields.values()]
    fixed = [words[0] for words in choices if len(words) == 1 and isinstance(words[0], str)]
    return f"({fixed[0]})" == tag if fixed else tag == "(other)"


def _keys(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        yield field.alias or name, field.description or ""


def _models_at(model: type[BaseModel], key: str) -> Iterator[type[BaseModel]]:
    for name, field in model.model_fields.items():
        if (field.alias or name) == key:
            yield from _models_in(field.annotation)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
