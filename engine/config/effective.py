"""The manifest that a product has with everything that it inherits, without secrets."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, SecretStr

from engine.config.error_messages import Node, Problem, dotted
from engine.config.installation import load_product
from engine.config.known_keys import models_in
from engine.config.load import Config
from engine.config.models import ManifestFile
from engine.config.products import ProductReader
from engine.config.server_file import read_server
from engine.config.yaml_loader import Document, Key, read_document

__all__ = ["EffectiveManifest", "dotted", "effective_manifest"]

HIDDEN = "********"
_REFERENCES = re.compile(r"\$\{[^{}]*\}")
_PLACE_OF_SECRET = re.compile(r"(?:env|file):.*", re.DOTALL)


@dataclass(frozen=True)
class EffectiveManifest:
    """
    A product's `config`, and the `tree` of values that its manifest would have alone.

    `origins` has the file and line of each inherited value or section, by its path in `tree`.
    Secrets are hidden; references to environment variables are not.
    """

    config: Config
    tree: Mapping[str, Any]
    origins: Mapping[tuple[Key, ...], str]


def effective_manifest(
    path: Path, environ: Mapping[str, str], product: str | None
) -> EffectiveManifest:
    """Read one product; errors are those of `load_product`."""
    config = load_product(path, environ, product)
    document = read_document(config.file)
    if not config.product:
        return EffectiveManifest(config, _visible(document.tree), {})
    _, reader = read_server(read_document(path), environ)
    tree = reader.effective(document)
    origins = dict(_origins(reader, document, tree, tree, ()))
    return EffectiveManifest(config, _visible(tree), origins)


def _visible(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the sections of floe, as those of other tools may have secrets, and hide its own."""
    known = {field.alias or name for name, field in ManifestFile.model_fields.items()}
    ours = {key: value for key, value in tree.items() if key in known}
    names = Node(tree)["metadata"]
    named = {key: names[key].value for key in ("name", "owner") if names[key]}
    return {**({"metadata": named} if named else {}), **_hide(ours, ManifestFile)}


def _origins(
    reader: ProductReader, document: Document, whole: Any, value: Any, path: tuple[Key, ...]
) -> Iterator[tuple[tuple[Key, ...], str]]:
    """Find the outermost values below `path` that the product file does not have."""
    place = reader.located(document, whole, Problem(path, ""))
    if place.file != document.path:
        yield path, f"{place.file}:{place.line}"
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _origins(reader, document, whole, inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _origins(reader, document, whole, inner, (*path, index))


def _hide(value: Any, *models: type[BaseModel], secret: bool = False) -> Any:
    """Copy `value`, of one of `models`, without secrets."""
    if isinstance(value, dict):
        return {key: _hide_field(key, inner, models, secret=secret) for key, inner in value.items()}
    if isinstance(value, list):
        return [_hide(inner, *models, secret=secret) for inner in value]
    if isinstance(value, bool | int | None):
        return value
    text = str(value)
    if not secret:
        return text
    if _PLACE_OF_SECRET.fullmatch(text):
        return text
    references = "".join(_REFERENCES.findall(text))
    return text if references == text else f"{HIDDEN}{references}"


def _hide_field(key: Any, value: Any, models: tuple[type[BaseModel], ...], *, secret: bool) -> Any:
    fields = [
        field
        for model in models
        for name, field in model.model_fields.items()
        if key == (field.alias or name)
    ]
    # Stores and plugins of audit copies may take a password among their options.
    hidden = key == "options" or any(_holds_secret(each.annotation) for each in fields)
    named = str(key).endswith("_env")
    inner = [model for each in fields for model in models_in(each.annotation)]
    return _hide(value, *inner, secret=(secret or hidden) and not named)


def _holds_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(map(_holds_secret, get_args(annotation)))
