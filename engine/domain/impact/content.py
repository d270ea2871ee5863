"""What of an artifact can be compared: the JSON in its layers, and why the rest cannot."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from engine.domain.compliance import MAX_CONTENT_BYTES
from engine.domain.errors import RegistryAnswerError
from engine.domain.impact.json_values import JSON
from engine.domain.impact.text import shown
from engine.domain.manifest import Descriptor, Manifest, ManifestView

_TITLE = "org.opencontainers.image.title"
# A manifest can name thousands of layers; nobody waits for all of them to answer a question.
_MAX_LAYERS = 64
_MAX_BYTES = 16 * MAX_CONTENT_BYTES
_MAX_REASON = 300


@dataclass(frozen=True)
class Content:
    """
    One artifact as far as it can be compared.

    `layers` holds the JSON of its JSON layers and `unread` why the other layers hold none, both by
    the names of `named_layers(view)`. `opaque` says why nothing in the artifact can be known.
    """

    view: ManifestView
    layers: Mapping[str, JSON] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    opaque: str | None = None


def named_layers(view: ManifestView) -> dict[str, Descriptor]:
    """
    The layers by name: their title (`org.opencontainers.image.title`), else `<media type> #<n>`,
    counted from 1 per media type. A title that occurs again gets a number as well.
    """
    counts: Counter[str] = Counter()
    named: dict[str, Descriptor] = {}
    for layer in view.layers or ():
        title = layer.annotations.get(_TITLE, "").strip()
        base = title or layer.media_type
        name = title
        while not name or name in named:
            counts[base] += 1
            # The first of a title goes without a number.
            name = f"{base} #{counts[base] + bool(title)}"
        named[name] = layer
    return named


def read_content(manifest: Manifest, blob: Callable[[str, int], bytes]) -> Content:
    """
    The JSON in the layers of `manifest`, at most 1 MiB each, 64 and 16 MiB in all.

    `blob(digest, limit)` is RegistryReader.blob. A layer that is missing, altered, too large or no
    JSON stands in `unread`; RegistryUnavailableError (of no answer) and RegistryAccessError are
    passed on, since they say nothing of the layer.
    """
    try:
        view = manifest.view
    except ValueError as error:
        return Content(ManifestView(schema_version=2), opaque=str(error))
    if view.manifests is not None:
        return Content(view, opaque="an index: the manifests it lists are not looked into")
    layers: dict[str, JSON] = {}
    unread: dict[str, str] = {}
    reading = _Reading(blob)
    for name, layer in named_layers(view).items():
        try:
            layers[name] = reading.read(layer)
        except _UnreadError as error:
            unread[name] = str(error)
    return Content(view, layers, unread)


def not_compared(current: Content, target: Content) -> Iterator[str]:
    """
    What stays out of the comparison, and why: a line each. A layer that both artifacts have with
    the same digest is the same, whatever is in it, and needs no comparison.
    """
    for side, content in (("current", current), ("target", target)):
        if content.opaque:
            yield f"the {side} artifact: {shown(content.opaque, _MAX_REASON)}"
    ours, theirs = named_layers(current.view), named_layers(target.view)
    shared = {layer.digest for layer in ours.values()} & {layer.digest for layer in theirs.values()}
    for name, reason in {**current.unread, **target.unread}.items():
        digests = {layers[name].digest for layers in (ours, theirs) if name in layers}
        if not digests or not digests <= shared:
            yield f"layer {shown(name)}: {shown(reason, _MAX_REASON)}"


class _UnreadError(Exception):
    """Why a layer holds no JSON for us, in words."""


@dataclass
class _Reading:
    """Reads one artifact's layers, and keeps count."""

    blob: Callable[[str, int], bytes]
    layers: int = 0
    total_bytes: int = 0

    def read(self, layer: Descriptor) -> JSON:
        if not _is_json(layer):
            raise _UnreadError("not JSON")
        if layer.size > MAX_CONTENT_BYTES:
            raise _UnreadError(f"larger than 1 MiB ({layer.size} bytes)")
        if self.layers == _MAX_LAYERS or self.total_bytes + layer.size > _MAX_BYTES:
            raise _UnreadError(f"beyond the {_MAX_LAYERS} layers and 16 MiB of JSON that are read")
        self.layers += 1
        self.total_bytes += layer.size
        try:
            content = self.blob(layer.digest, layer.size)
        except RegistryAnswerError as error:
            raise _UnreadError(str(error)) from error
        return _parsed(content)


def _parsed(content: bytes) -> JSON:
    try:
        parsed: JSON = json.loads(content, parse_constant=_no_constant)
    except RecursionError as error:
        raise _UnreadError("nested too deeply to be read") from error
    except ValueError as error:
        raise _UnreadError("not JSON, though it says so") from error
    return parsed


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _is_json(layer: Descriptor) -> bool:
    media_type = layer.media_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")
