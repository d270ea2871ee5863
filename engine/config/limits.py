"""The sections with the limits of gates."""

from typing import Annotated

from pydantic import Field, Strict

from engine.config.field_types import Given, Section

_Processes = Annotated[int, Strict(), Field(ge=16, le=4_000_000)]
_Memory = Annotated[int, Strict(), Field(ge=64, le=16_777_216)]


class GateLimits(Section):
    """Limits of gate commands, on operating systems that support them (Linux)."""

    processes: _Processes = Field(
        default=4096,
        description="processes and threads of floe's user beside those at the start of the gate",
    )
    memory_mb: Given[_Memory] = Field(
        default=None, description="data of each process, in MiB; without it, no limit"
    )


class OwnLimits(Section):
    """Limits of one gate, or of the gates of one environment, instead of `gate_limits`."""

    processes: Given[_Processes] = Field(
        default=None, description="instead of `gate_limits.processes`"
    )
    memory_mb: Given[_Memory] = Field(
        default=None, description="instead of `gate_limits.memory_mb`"
    )
