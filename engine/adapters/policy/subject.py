"""What a rule sees of an artifact and of its way."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic_core import from_json

from engine.domain.compliance import MAX_CONTENT_BYTES
from engine.domain.manifest import Descriptor
from engine.domain.policy import PolicySubject

MAX_JSON_LAYERS = 32
MAX_TOTAL_BYTES = 8 * MAX_CONTENT_BYTES
# JSON's only spelling of the character at which the CEL library cuts a text off.
_NUL = b"\\u0000"


class UnjudgeableError(ValueError):
    """Why a rule cannot be evaluated on an artifact; what cannot be judged is blocked."""


def seen(subject: PolicySubject) -> dict[str, Any]:
    """The variables of every rule, without the content; UnjudgeableError for an odd manifest."""
    manifest = subject.manifest
    if _NUL in manifest.content:
        raise UnjudgeableError("the manifest holds a NUL character, which no rule can see")
    try:
        view = manifest.view
    except ValueError as error:
        raise UnjudgeableError(str(error)) from error
    parts = (*([view.config] if view.config else []), *(view.layers or ()))
    artifact = {
        "digest": str(manifest.digest),
        "media_type": manifest.media_type,
        "artifact_type": manifest.artifact_type,
        "annotations": view.annotations,
        "config": _descriptor(view.config) if view.config else None,
        "layers": [_descriptor(layer) for layer in view.layers or ()],
        "manifests": [_descriptor(child) for child in view.manifests or ()],
        "size": len(manifest.content) + sum(part.size for part in parts),
    }
    return {
        "artifact": artifact,
        "version": subject.version,
        "source": subject.source,
        "target": subject.target,
    }


def content_of(subject: PolicySubject) -> list[Any]:
    """The JSON of every JSON layer, in their order; UnjudgeableError when one cannot be had."""
    layers = [layer for layer in subject.manifest.view.layers or () if _is_json(layer.media_type)]
    if len(layers) > MAX_JSON_LAYERS:
        raise UnjudgeableError(
            f"the artifact has {len(layers)} JSON layers, and {MAX_JSON_LAYERS} are read at most"
        )
    if sum(layer.size for layer in layers) > MAX_TOTAL_BYTES:
        raise UnjudgeableError(
            f"the artifact's JSON layers have more than {MAX_TOTAL_BYTES} bytes together"
        )
    return [_document(layer, subject.blob) for layer in layers]


def longest(value: Any) -> int:
    """How many entries the longest list or map in `value` has."""
    return max((len(collection) for collection in _collections(value)), default=0)


def _collections(value: Any) -> Iterator[list[Any] | Mapping[str, Any]]:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            yield each
            waiting.extend(each)
        elif isinstance(each, Mapping):
            yield each
            waiting.extend(each.values())


def _descriptor(descriptor: Descriptor) -> dict[str, Any]:
    return descriptor.model_dump(mode="json")


def _is_json(media_type: str) -> bool:
    essence = media_type.partition(";")[0].strip().lower()
    return essence.endswith(("+json", "/json"))


def _document(layer: Descriptor, blob: Callable[[str, int], bytes]) -> Any:
    name = f"layer {layer.digest[:19]}"
    # Left out instead, a layer would keep every rule about all of them.
    if layer.size > MAX_CONTENT_BYTES:
        raise UnjudgeableError(
            f"{name} has {layer.size} bytes of JSON, and {MAX_CONTENT_BYTES} are read at most"
        )
    content = blob(layer.digest, MAX_CONTENT_BYTES)
    if _NUL in content:
        raise UnjudgeableError(f"{name} holds a NUL character, which no rule can see")
    try:
        return from_json(content, allow_inf_nan=False)
    except ValueError as error:
        raise UnjudgeableError(f"{name} says it is JSON and is not: {error}") from error
