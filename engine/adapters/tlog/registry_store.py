"""Stores checkpoints in the registry, under the tag `floe-checkpoint.<env>`."""

import logging

from engine.domain.artifact import Digest, Tag
from engine.domain.canonical import canonical_json
from engine.domain.errors import RegistryAnswerError, RegistryRefusalError
from engine.domain.manifest import IMAGE_MANIFEST, Manifest
from engine.domain.tlog.checkpoint import StoredCheckpoint
from engine.domain.tlog.merkle import CompactRange
from engine.domain.tlog.note import MAX_NOTE_BYTES, SignedNote, decode_base64, encode_base64
from engine.ports import Registry

_log = logging.getLogger(__name__)
_TYPE = "application/vnd.floe.checkpoint.v1"
_BEFORE = "dev.floe.checkpoint.before"


class RegistryCheckpoints:
    """Implements `engine.ports.checkpoints.CheckpointStore`; a write is two requests."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def read(self, environment: str) -> StoredCheckpoint | None:
        try:
            manifest = self._registry.fetch(_tag(environment))
            if manifest is None or manifest.view.config is None:
                return None
            note = SignedNote.parse(
                self._registry.blob(manifest.view.config.digest, MAX_NOTE_BYTES)
            )
            known = manifest.view.annotations.get(_BEFORE, "").split()
            size = StoredCheckpoint(note, CompactRange()).checkpoint.size
            return StoredCheckpoint(note, CompactRange(size - 1, tuple(map(decode_base64, known))))
        except RegistryRefusalError:
            raise
        except (ValueError, RegistryAnswerError) as error:
            # Everyone with push access can put anything there, which proves nothing.
            _log.warning("the checkpoint of %s is not usable: %s", environment, error)
            return None

    def write(self, environment: str, stored: StoredCheckpoint) -> None:
        content = str(stored.note).encode()
        blob = {"mediaType": _TYPE, "digest": str(Digest.of(content)), "size": len(content)}
        document = {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "artifactType": _TYPE,
            "config": blob,
            "layers": [blob],
            "annotations": {_BEFORE: " ".join(map(encode_base64, stored.before.hashes))},
        }
        self._registry.open_upload().finish(content)
        self._registry.put(Manifest(canonical_json(document), IMAGE_MANIFEST), _tag(environment))


def _tag(environment: str) -> Tag:
    return Tag(f"floe-checkpoint.{environment}")
