"""The models of a server file (`kind: Server`), and of the product files that it lists."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, JsonValue

from engine.config.field_types import AtLeastOne, Given, Names, RegistryUri, Section, Text
from engine.config.ledger import AdoptedEntry, Ledger
from engine.config.models import (
    API_VERSION,
    ARTIFACTS,
    IDENTITY,
    LEDGER,
    SLACK,
    STATE,
    TOP_LEVEL,
    WEB,
    Artifacts,
    file_schema,
)
from engine.config.people import Identity, Notify, Slack, Web
from engine.config.promotion import Promotion
from engine.config.registries import PrimaryRegistry
from engine.config.signing_keys import TrustedKey
from engine.config.state import State
from engine.domain.product import MAX_NAME, is_product_name

# The sections that a product has from its server file.
OF_SERVER = ("identity", "web", "state", "defaults", "products")


def _product_name(name: str) -> str:
    if not is_product_name(name):
        raise ValueError(
            "must be lower case letters and digits, with inner dots, hyphens or underscores, and "
            f"at most {MAX_NAME} characters"
        )
    return name


ProductName = Annotated[str, AfterValidator(_product_name)]


class DefaultRegistry(PrimaryRegistry):
    """The registry of products that do not name their own."""

    uri: Given[RegistryUri] = Field(  # type: ignore[assignment]  # merged before it is used
        default=None,
        description="the address, in which {product} is the name of the product",
        examples=["oci://harbor.example.com/acme/{product}"],
    )


class Defaults(Section):
    """The settings of `artifacts` that every product inherits."""

    registry: DefaultRegistry = Field(
        default_factory=DefaultRegistry.model_construct, description="the registry of the products"
    )
    promotion: Promotion = Field(
        default_factory=Promotion.model_construct, description="how artifacts are promoted"
    )
    may_override: Names = Field(
        default=(),
        description="settings that a product may also loosen",
        examples=[["promotion.environments.gates"]],
    )


class ServerFile(BaseModel):
    """The file of a server of several products."""

    model_config = TOP_LEVEL | {"extra": "forbid"}

    api_version: Literal["floe.dev/v1"] = API_VERSION
    kind: Literal["Server"] = Field(description="kind: Server")
    metadata: dict[str, JsonValue] = Field(
        default_factory=dict, description="names and labels for other tools"
    )
    products: AtLeastOne[Text] = Field(
        description="patterns of product files; relative to this file",
        examples=[["products/*.yaml"]],
    )
    defaults: Defaults = Field(
        default_factory=Defaults.model_construct,
        description="the settings that every product inherits",
    )
    ledger: Ledger = LEDGER
    identity: Identity = IDENTITY
    slack: Slack = SLACK
    web: Web = WEB
    state: State = STATE


class Metadata(BaseModel):
    """The name of a product. Other keys belong to other tools."""

    model_config = TOP_LEVEL

    name: ProductName = Field(description="the name of the product", examples=["checkout"])
    owner: Given[Text] = Field(
        default=None, description="the team that answers for it", examples=["team-payments"]
    )


class ProductSlack(Section):
    """The channels and direct messages of a product."""

    channel: Given[Text] = Field(
        default=None,
        description="the id of the channel for its changes, instead of that of the server file",
        examples=["C01CHECKOUT"],
    )
    channels: Names = Field(
        default=(),
        description="more channels of the product: commands there need not name it",
    )
    notify: Given[Notify] = Field(
        default=None,
        description="direct messages about its changes, instead of those of the server file",
    )


class ProductLedger(Section):
    """The keys and entries that count in the ledger of a product, beside those of the server."""

    trusted_keys: tuple[TrustedKey, ...] = Field(
        default=(), description="added to ledger.trusted_keys of the server file"
    )
    distrusted_keys: tuple[TrustedKey, ...] = Field(
        default=(), description="added to ledger.distrusted_keys of the server file"
    )
    adopted: tuple[AdoptedEntry, ...] = Field(
        default=(),
        description="entries that count, with all entries before them, although no trusted key "
        "signed them",
    )


class ProductFile(BaseModel):
    """A manifest that a server file lists. Unknown top-level keys belong to other tools."""

    model_config = TOP_LEVEL

    api_version: Literal["floe.dev/v1"] = API_VERSION
    kind: Literal["Manifest"] = Field(description="kind: Manifest")
    metadata: Metadata = Field(description="the name of the product: metadata.name")
    artifacts: Artifacts = ARTIFACTS
    slack: ProductSlack = Field(
        default_factory=ProductSlack.model_construct, description="its channels and direct messages"
    )
    ledger: ProductLedger = Field(
        default_factory=ProductLedger.model_construct,
        description="the keys and entries of its ledger",
    )


def server_schema() -> dict[str, JsonValue]:
    """Build the JSON Schema (draft 2020-12) of a server file."""
    return file_schema(ServerFile, "floe server file")


def product_schema() -> dict[str, Any]:
    """Build the JSON Schema (draft 2020-12) of a product file, which may inherit its registry."""
    schema: dict[str, Any] = file_schema(ProductFile, "floe product file")
    schema["required"].remove("artifacts")
    for section in ("Artifacts", "PrimaryRegistry"):
        schema["$defs"][section].pop("required")
    schema["properties"] |= dict.fromkeys(OF_SERVER, False)
    return schema
