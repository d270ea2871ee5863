"""Render the answer of `floe init`."""

from collections.abc import Sequence

from cli.init.next_steps import NextSteps
from cli.output import Answer
from cli.render.common import trace_line
from engine.responses.init import InitResponse


def render(response: InitResponse, steps: NextSteps, examined: Sequence[str]) -> Answer:
    """`examined` are the lines of the doctor."""
    lines = [
        f"Wrote {', '.join(response.files)}",
        "Keep floe.key secret, and out of git.",
        "",
        *examined,
        *(["", *steps.secrets] if steps.secrets else []),
        "",
        "Next:",
        *(f"  {command}" for command in response.commands),
        *steps.afterwards,
        trace_line(response.trace_id),
    ]
    return Answer(response, lines)
