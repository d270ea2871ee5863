"""The comparable content of an artifact: the JSON in its layers."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from engine.domain.compliance import MAX_CONTENT_BYTES
from engine.domain.errors import RegistryAnswerError
from engine.domain.impact.json_values import JSON
from engine.domain.impact.text import shorten
from engine.domain.manifest import Descriptor, Manifest, ManifestView

_TITLE = "org.opencontainers.image.title"
# A manifest can list thousands of layers, and reading all of them would take too long.
_MAX_LAYERS = 64
_MAX_BYTES = 16 * MAX_CONTENT_BYTES
_MAX_REASON = 300


@dataclass(frozen=True)
class Content:
    """
    The comparable content of one artifact.

    `layers` has the JSON of its JSON layers, `unread` the reasons why the other layers have none,
    both by the names of `named_layers(view)`. `opaque` says why the whole artifact cannot be read.
    """

    view: ManifestView
    layers: Mapping[str, JSON] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    opaque: str | None = None


def named_layers(view: ManifestView) -> dict[str, Descriptor]:
    """
    Name the layers by their title (`org.opencontainers.image.title`), else `<media type> #<n>`,
    counted from 1 per media type. A repeated title gets a number as well.
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
    Read the JSON in the layers of `manifest`, at most 64 layers, 1 MiB each and 16 MiB in total.

    `blob(digest, limit)` is RegistryReader.blob. A layer that is missing, altered, too large or
    not JSON is listed in `unread`. RegistryUnavailableError (no response) and RegistryAccessError
    are raised, since they do not concern the layer.
    """
    try:
        view = manifest.view
    except ValueError as error:
        return Content(ManifestView(schema_version=2), opaque=str(error))
    if view.manifests is not None:
        return Content(view, opaque="an index: the manifests that it lists are not read")
    layers: dict[str, JSON] = {}
    unread: dict[str, str] = {}
    reading = _Reading(blob)
    for name, layer in named_layers(view).items():
        try:
            layers[name] = reading.read(layer)
        except _UnreadError as error:
            unread[name] = str(error)
    return Content(view, layers, unread)


def find_uncompared(current: Content, target: Content) -> Iterator[str]:
    """
    List the content that is not compared, with the reason: one line each. A layer that both
    artifacts have with the same digest needs no comparison.
    """
    for side, content in (("current", current), ("target", target)):
        if content.opaque:
            yield f"the {side} artifact: {shorten(content.opaque, _MAX_REASON)}"
    ours, theirs = named_layers(current.view), named_layers(target.view)
    shared = {layer.digest for layer in ours.values()} & {layer.digest for layer in theirs.values()}
    for name, reason in {**current.unread, **target.unread}.items():
        digests = {layers[name].digest for layers in (ours, theirs) if name in layers}
        if not digests or not digests <= shared:
            yield f"layer {shorten(name)}: {shorten(reason, _MAX_REASON)}"


class _UnreadError(Exception):
    """A layer that cannot be compared; the message is the reason."""


@dataclass
class _Reading:
    """Reads the layers of one artifact within the limits."""

    blob: Callable[[str, int], bytes]
    layers: int = 0
    total_bytes: int = 0

    def read(self, layer: Descriptor) -> JSON:
        if not _is_json(layer):
            raise _UnreadError("not JSON")
        if layer.size > MAX_CONTENT_BYTES:
            raise _UnreadError(f"larger than 1 MiB ({layer.size} bytes)")
        if self.layers == _MAX_LAYERS or self.total_bytes + layer.size > _MAX_BYTES:
            raise _UnreadError(f"over the limit of {_MAX_LAYERS} layers and 16 MiB of JSON")
        self.layers += 1
        self.total_bytes += layer.size
        try:
            content = self.blob(layer.digest, layer.size)
        except RegistryAnswerError as error:
            raise _UnreadError(str(error)) from error
        return _parse_json(content)


def _parse_json(content: bytes) -> JSON:
    try:
        parsed: JSON = json.loads(content, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise _UnreadError("nested too deeply to be read") from error
    except ValueError as error:
        raise _UnreadError("not JSON, although its media type says so") from error
    return parsed


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _is_json(layer: Descriptor) -> bool:
    media_type = layer.media_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")
