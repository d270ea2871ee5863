"""The variables of policy rules: the artifact, the version and the environments."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic_core import from_json

from engine.domain.compliance import MAX_CONTENT_BYTES
from engine.domain.manifest import Descriptor
from engine.domain.policy import PolicySubject

MAX_JSON_LAYERS = 32
MAX_TOTAL_BYTES = 8 * MAX_CONTENT_BYTES
# NUL in JSON; the CEL library truncates strings at it.
_NUL = b"\\u0000"


class UnjudgeableError(ValueError):
    """A rule cannot be evaluated for an artifact, so it blocks."""


def variables_of(subject: PolicySubject) -> dict[str, Any]:
    """The variables without `artifact.content`; UnjudgeableError for an invalid manifest."""
    manifest = subject.manifest
    if _NUL in manifest.content:
        raise UnjudgeableError("the manifest contains a NUL character, which hides text from rules")
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


def read_content(subject: PolicySubject) -> list[Any]:
    """Read the JSON layers, in order; UnjudgeableError if one is too large or invalid."""
    layers = [layer for layer in subject.manifest.view.layers or () if _is_json(layer.media_type)]
    if len(layers) > MAX_JSON_LAYERS:
        raise UnjudgeableError(
            f"the artifact has {len(layers)} JSON layers, more than the {MAX_JSON_LAYERS} allowed"
        )
    if sum(layer.size for layer in layers) > MAX_TOTAL_BYTES:
        raise UnjudgeableError(
            f"the JSON layers of the artifact have more than {MAX_TOTAL_BYTES} bytes in total"
        )
    return [_document(layer, subject.blob) for layer in layers]


def longest(value: Any) -> int:
    """The number of entries of the longest list or map in `value`."""
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
    # Skipping a large layer would let it pass every rule.
    if layer.size > MAX_CONTENT_BYTES:
        raise UnjudgeableError(
            f"{name} has {layer.size} bytes of JSON, more than the {MAX_CONTENT_BYTES} allowed"
        )
    content = blob(layer.digest, MAX_CONTENT_BYTES)
    if _NUL in content:
        raise UnjudgeableError(f"{name} contains a NUL character, which hides text from rules")
    try:
        return from_json(content, allow_inf_nan=False)
    except ValueError as error:
        raise UnjudgeableError(f"{name} is not valid JSON: {error}") from error
