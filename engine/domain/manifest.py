"""OCI manifests: the original bytes, and a parsed view that is never written back."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from engine.domain.artifact import Digest
from engine.domain.text import printable

IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
IMAGE_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
# A HEAD request that accepts fewer types gets 404 for an existing tag, which could then be
# overwritten.
MEDIA_TYPES = (IMAGE_MANIFEST, IMAGE_INDEX, DOCKER_MANIFEST, DOCKER_LIST)
# distribution-spec asks registries to accept at least 4 MiB; most accept no more.
MAX_MANIFEST_BYTES = 4 * 1024 * 1024

# image-spec 1.1, "Non-Distributable Layers", and Docker's name for them.
_FOREIGN = ("nondistributable", ".foreign.")

# Registries and old builders write `null` for an empty map or list.
_Strings = Annotated[dict[str, str], BeforeValidator(lambda value: {} if value is None else value)]


class _Oci(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, defer_build=True)


class Descriptor(_Oci):
    """A descriptor: https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md"""

    media_type: str = Field(alias="mediaType")
    digest: str
    size: int = Field(ge=0)
    artifact_type: str | None = Field(default=None, alias="artifactType")
    annotations: _Strings = Field(default_factory=dict)
    data: str | None = None
    urls: Annotated[tuple[str, ...], BeforeValidator(lambda value: value or ())] = ()

    @property
    def is_foreign(self) -> bool:
        """Whether the content is distributed elsewhere, so that a registry may not have it."""
        return bool(self.urls) or any(word in self.media_type for word in _FOREIGN)

    def to_json(self) -> dict[str, Any]:
        """Serialize with the key names of OCI, without unset fields."""
        return self.model_dump(by_alias=True, exclude_defaults=True)


class ManifestView(_Oci):
    """The fields of an image manifest or index that checks read."""

    schema_version: int = Field(alias="schemaVersion")
    media_type: str | None = Field(default=None, alias="mediaType")
    artifact_type: str | None = Field(default=None, alias="artifactType")
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] | None = None
    manifests: tuple[Descriptor, ...] | None = None
    subject: Descriptor | None = None
    annotations: _Strings = Field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """
    A manifest exactly as a registry stores it: `content` is never serialized again.

    `media_type` is the type under which the registry served it. `view` raises ValueError if the
    bytes are not an OCI manifest.
    """

    content: bytes
    media_type: str

    @cached_property
    def digest(self) -> Digest:
        return Digest.of(self.content)

    @cached_property
    def view(self) -> ManifestView:
        try:
            return ManifestView.model_validate_json(self.content)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            # Key names are untrusted input, so they are escaped and cut.
            where = printable(".".join(map(str, first["loc"])))[:200] or "document"
            raise ValueError(
                f"{self.digest.short} is not an OCI manifest: {where}: {first['msg']}"
            ) from error

    @property
    def artifact_type(self) -> str | None:
        """As image-spec defines it: `artifactType`, else the config's media type."""
        view = self.view
        return view.artifact_type or (view.config.media_type if view.config else None)

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(
            media_type=self.media_type, digest=str(self.digest), size=len(self.content)
        )
