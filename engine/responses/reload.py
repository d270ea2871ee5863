"""The answer of a reload."""

from pydantic import Field

from engine.responses.common import Response


class ReloadResponse(Response):
    """The products that a reload changed, by name."""

    opened: tuple[str, ...] = Field(description="new products")
    replaced: tuple[str, ...] = Field(description="products with other settings")
    removed: tuple[str, ...] = Field(
        description="products without a file: closed when their open changes have ended"
    )
    broken: dict[str, str] = Field(
        description="products whose files cannot be used, with the reason; they keep their last "
        "version, if they had one"
    )
    restart: tuple[str, ...] = Field(
        description="changed sections of the server file that count from the next start"
    )
