"""`artifacts.promotion.gate_limits` as the file spells it."""

from typing import Annotated

from pydantic import Field, Strict

from engine.config.field_types import Given, Section


class GateLimits(Section):
    """What the commands of gates may use, where the operating system can bound it (Linux)."""

    processes: Annotated[int, Strict()] = Field(
        default=4096,
        ge=16,
        le=4_000_000,
        description="processes and threads of floe's user beside those at the start of the gate",
    )
    memory_mb: Given[Annotated[int, Strict(), Field(ge=64, le=16_777_216)]] = Field(
        default=None, description="data of each process, in MiB; without it, no limit"
    )
