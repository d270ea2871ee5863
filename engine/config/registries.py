"""The section `artifacts.registry`: address, credentials and signature verification."""

from typing import Annotated, Literal

from pydantic import Field, Strict, Tag

from engine.config.environment_variables import (
    Credential,
    ExistingFile,
    Filled,
    FromVariable,
    TrustFile,
)
from engine.config.field_types import (
    Flag,
    Given,
    IssuerUrl,
    Pattern,
    RegistryUri,
    Section,
    variant,
)
from engine.domain.environment import Enforcement


class DockerAuth(Section):
    """Credentials of docker: config.json and its credential helpers."""

    type: Literal["docker"]


class AnonymousAuth(Section):
    """No credentials at all."""

    type: Literal["anonymous"]


class BasicAuth(Section):
    """A user name and password."""

    type: Literal["basic"]
    username: Given[Filled] = Field(
        default=None, description="the user name", examples=["ci", "${REGISTRY_USER}"]
    )
    username_env: Given[FromVariable] = Field(
        default=None, description="the environment variable with the user name"
    )
    password: Given[Credential] = Field(
        default=None, description="from the environment", examples=["${REGISTRY_PASSWORD}"]
    )
    password_env: Given[FromVariable] = Field(
        default=None,
        description="the environment variable with the password",
        examples=["REGISTRY_PASSWORD"],
    )


class TokenAuth(Section):
    """A bearer token."""

    type: Literal["token"]
    token: Given[Credential] = Field(
        default=None, description="from the environment", examples=["${REGISTRY_TOKEN}"]
    )
    token_env: Given[FromVariable] = Field(
        default=None,
        description="the environment variable with the token",
        examples=["REGISTRY_TOKEN"],
    )


Auth = Annotated[
    Annotated[DockerAuth, Tag("(docker)")]
    | Annotated[BasicAuth, Tag("(basic)")]
    | Annotated[TokenAuth, Tag("(token)")]
    | Annotated[AnonymousAuth, Tag("(anonymous)")],
    variant("type", "docker", "basic", "token", "anonymous"),
]


class Tls(Section):
    """The TLS settings of a connection."""

    ca_file: ExistingFile | None = Field(
        default=None,
        description="certificates to trust, PEM; relative to the manifest",
        examples=["certs/ca.pem"],
    )
    verify: Flag = Field(default=True, description="whether the certificate is verified")
    insecure: Given[Flag] = Field(
        default=None, description="plain http; by default for loopback hosts only"
    )


class RegistryEntry(Section):
    """One registry: the primary or a secondary."""

    uri: RegistryUri = Field(
        description="the address: oci://host[:port]/repository or oci-layout:DIRECTORY",
        examples=["oci://harbor.example.com/acme/platform", "oci-layout:./registry"],
    )
    auth: Auth = Field(
        default_factory=lambda: DockerAuth.model_construct(type="docker"),
        description="the credentials for the registry",
    )
    tls: Tls = Field(default_factory=Tls.model_construct, description="the TLS settings")
    insecure: Given[Flag] = Field(default=None, description="the same as tls.insecure")
    timeout_seconds: Annotated[int, Strict()] = Field(
        default=30,
        ge=1,
        le=600,
        description="for one operation with its retries: at most six attempts, three if the "
        "connection is refused",
    )


class TrustedIssuer(Section):
    """The trusted signers of keyless signatures: an issuer, and its subjects."""

    issuer: IssuerUrl = Field(
        description="the certificate's OIDC issuer",
        examples=["https://token.actions.githubusercontent.com"],
    )
    subject_regex: Pattern = Field(
        description="must match the whole subject of the certificate",
        examples=["^https://github.com/acme/.*$"],
    )


class EnforcementOverride(Section):
    """Another enforcement for one target environment."""

    enforcement: Enforcement = Field(description="enforce, warn or off, for this target")


class Verification(Section):
    """The verification of signatures."""

    enforcement: Enforcement = Field(
        default=Enforcement.ENFORCE,
        description="the effect of a missing or bad signature: enforce (refuse), warn or off",
    )
    public_keys: tuple[TrustFile, ...] = Field(
        default=(),
        description="PEM public keys; relative to the manifest",
        examples=[["keys/release.pub"]],
    )
    trusted_issuers: tuple[TrustedIssuer, ...] = Field(
        default=(), description="the trusted signers of keyless signatures"
    )
    trusted_root: TrustFile | None = Field(
        default=None, description="a trusted_root.json; without it the public-good instance"
    )
    environments: dict[str, EnforcementOverride] = Field(
        default_factory=dict, description="another enforcement, by target environment"
    )


class PrimaryRegistry(RegistryEntry):
    """The registry that is the system of record."""

    verification: Given[Verification] = Field(
        default=None, description="signatures; without this section they are not verified"
    )
