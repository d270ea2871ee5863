"""Render the answer of `floe init`."""

from collections.abc import Sequence

from cli.init.next_steps import NextSteps
from cli.output import Answer
from cli.render.common import exit_code, trace_line
from engine.responses.init import InitResponse

_MENDING = (
    "The files are complete and stay. Mend each failure, in manifest.yaml if that is wrong, and",
    "repeat the checks:",
    "  floe doctor",
)


def render(response: InitResponse, steps: NextSteps, examined: Sequence[str]) -> Answer:
    """`examined` are the lines of the doctor, none for a cluster."""
    lines = [
        f"Wrote {', '.join(response.files)}",
        "Keep floe.key secret, and out of git.",
        *(["", *examined] if examined else []),
        *(["", *_MENDING] if response.error else []),
        *(["", *steps.secrets] if steps.secrets else []),
        "",
        "Once no try fails:" if response.error else "Next:",
        *(f"  {command}" for command in response.commands),
        *steps.afterwards,
        trace_line(response.trace_id),
    ]
    return Answer(response, lines, exit_code(response.error))
