"""An exported log as a registry, so that its ledger is read and verified like any other."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine.domain.artifact import Digest, Tag
from engine.domain.errors import ContentMissingError, RegistryAnswerError, RegistryUnavailableError
from engine.domain.manifest import Descriptor, Manifest


@dataclass(frozen=True)
class ExportedRegistry:
    """
    Implements `engine.ports.RegistryReader` for the export in `directory`.

    It has the manifests in `tagged`, and the blobs of the export.
    """

    directory: Path
    tagged: dict[Tag, Manifest]

    @property
    def reference(self) -> str:
        return str(self.directory)

    def resolve(self, tag: Tag) -> Digest | None:
        return self.tagged[tag].digest if tag in self.tagged else None

    def fetch(self, reference: Tag | Digest) -> Manifest | None:
        if isinstance(reference, Tag):
            return self.tagged.get(reference)
        found = (each for each in self.tagged.values() if each.digest == reference)
        return next(found, None)

    def blob(self, digest: str, limit: int) -> bytes:
        try:
            path = self.directory / "blobs" / "sha256" / Digest(digest).hex
            with path.open("rb") as file:
                content = file.read(limit + 1)
        except ValueError as error:
            raise RegistryAnswerError(str(error)) from error
        except FileNotFoundError as error:
            raise ContentMissingError(f"'{path}' is missing") from error
        except OSError as error:
            raise RegistryUnavailableError(f"'{path}' cannot be read: {error.strerror}") from error
        if str(Digest.of(content)) != digest:
            raise RegistryAnswerError(f"'{path}' was altered: it does not have its digest")
        return content

    def save(self, digest: str, size: int, file: BinaryIO) -> None:
        file.write(self.blob(digest, size))

    def tags(self) -> tuple[Tag, ...]:
        return tuple(self.tagged)

    def referrers(
        self, subject: Digest, artifact_type: str | None = None
    ) -> tuple[Descriptor, ...]:
        return tuple(
            each.descriptor
            for each in self.tagged.values()
            if each.view.subject
            and each.view.subject.digest == str(subject)
            and artifact_type in (None, each.artifact_type)
        )
