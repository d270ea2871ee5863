"""An OCI manifest: the very bytes, and a reading of them that is never written back."""

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
# A HEAD that names fewer of these says 404 for a tag that exists, and "absent" means overwrite.
MEDIA_TYPES = (IMAGE_MANIFEST, IMAGE_INDEX, DOCKER_MANIFEST, DOCKER_LIST)
# image-spec asks registries for at least 4 MiB; what is larger is not accepted by most.
MAX_MANIFEST_BYTES = 4 * 1024 * 1024

# image-spec 1.1, "Non-Distributable Layers", and docker's name for them.
_FOREIGN = ("nondistributable", ".foreign.")

# Registries and old builders write `null` for an empty map or list.
_Strings = Annotated[dict[str, str], BeforeValidator(lambda value: {} if value is None else value)]


class _Oci(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Descriptor(_Oci):
    """https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md"""

    media_type: str = Field(alias="mediaType")
    digest: str
    size: int = Field(ge=0)
    artifact_type: str | None = Field(default=None, alias="artifactType")
    annotations: _Strings = Field(default_factory=dict)
    urls: Annotated[tuple[str, ...], BeforeValidator(lambda value: value or ())] = ()

    @property
    def is_foreign(self) -> bool:
        """Whether somebody else distributes the content, so that a registry may not have it."""
        return bool(self.urls) or any(word in self.media_type for word in _FOREIGN)

    def to_json(self) -> dict[str, Any]:
        """The descriptor in OCI's spelling, without what is not set."""
        return self.model_dump(by_alias=True, exclude_defaults=True)


class ManifestView(_Oci):
    """What an image manifest or index says of itself, for judging only."""

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
    A manifest exactly as a registry stores it: `content` is never re-serialised.

    `media_type` is what the registry served it as. `view` raises ValueError for bytes that are no
    OCI manifest.
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
            # Names of keys are whoever published it: shown as data, and no longer than helps.
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
