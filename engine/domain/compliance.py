"""The rules every artifact must keep, whatever is configured."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from engine.domain.manifest import Descriptor, Manifest

COMPILED = "application/vnd.floe.compiled-artifacts.v1+json"
# What a rule reads of a layer; larger JSON is not read at all, and so not accepted.
MAX_CONTENT_BYTES = 1024 * 1024


def baseline_violations(manifest: Manifest, blob: Callable[[str, int], bytes]) -> tuple[str, ...]:
    """
    What is wrong with `manifest`, a sentence each; empty when it keeps every rule.

    `blob(digest, limit)` reads a layer; it is only asked for compiled artifacts, whose own
    compilation must say that its policies passed.
    """
    try:
        view = manifest.view
    except ValueError as error:
        return (str(error),)
    if view.layers is None and view.manifests is None:
        return (f"{manifest.digest.short} lists neither layers nor manifests",)
    layers = [layer for layer in view.layers or () if layer.media_type == COMPILED]
    return tuple(problem for layer in layers for problem in _compiled(layer, blob))


def _compiled(layer: Descriptor, blob: Callable[[str, int], bytes]) -> Iterator[str]:
    if layer.size > MAX_CONTENT_BYTES:
        yield f"layer {layer.digest[:19]} has {layer.size} bytes, more than can be judged"
        return
    try:
        content = json.loads(blob(layer.digest, MAX_CONTENT_BYTES))
    except (ValueError, RecursionError):
        yield f"layer {layer.digest[:19]} says it is compiled artifacts and is not JSON"
        return
    if not _enforced(content):
        yield f"layer {layer.digest[:19]} was compiled with enforcement_result.passed not true"


def _enforced(content: Any) -> bool:
    if not isinstance(content, dict):
        return False
    result = content.get("enforcement_result", {"passed": True})
    return isinstance(result, dict) and result.get("passed") is True
