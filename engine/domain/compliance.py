"""The rules that every artifact must meet, independent of the configuration."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from engine.domain.manifest import Descriptor, Manifest

COMPILED = "application/vnd.floe.compiled-artifacts.v1+json"
# Larger JSON layers are not read, and therefore not accepted.
MAX_CONTENT_BYTES = 1024 * 1024


def baseline_violations(manifest: Manifest, blob: Callable[[str, int], bytes]) -> tuple[str, ...]:
    """
    List the rules that `manifest` violates, one sentence each; empty if it meets all of them.

    `blob(digest, limit)` reads a layer. Only layers of compiled artifacts are read: their
    `enforcement_result` must say that their policies passed.
    """
    try:
        view = manifest.view
    except ValueError as error:
        return (str(error),)
    if view.layers is None and view.manifests is None:
        return (f"{manifest.digest.short} lists neither layers nor manifests",)
    layers = [layer for layer in view.layers or () if layer.media_type == COMPILED]
    return tuple(problem for layer in layers for problem in _check_compiled_layer(layer, blob))


def _check_compiled_layer(layer: Descriptor, blob: Callable[[str, int], bytes]) -> Iterator[str]:
    if layer.size > MAX_CONTENT_BYTES:
        yield (
            f"layer {layer.digest[:19]} has {layer.size} bytes, and only {MAX_CONTENT_BYTES} are "
            "checked"
        )
        return
    try:
        content = json.loads(blob(layer.digest, MAX_CONTENT_BYTES))
    except (ValueError, RecursionError):
        yield f"layer {layer.digest[:19]} has the media type {COMPILED} and is not JSON"
        return
    if not _passed_enforcement(content):
        yield f"layer {layer.digest[:19]} was compiled with enforcement_result.passed not true"


def _passed_enforcement(content: Any) -> bool:
    if not isinstance(content, dict):
        return False
    result = content.get("enforcement_result", {"passed": True})
    return isinstance(result, dict) and result.get("passed") is True
