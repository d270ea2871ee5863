"""Render the statements of runnable versions."""

from cli.output import Answer
from cli.render.common import trace_line
from cli.render.table import when
from engine.domain.text import printable
from engine.responses.statements import StatementInfo, StatementsResponse


def render_statements(response: StatementsResponse) -> Answer:
    lines = [line for each in response.statements for line in _lines(each)]
    if not response.statements:
        lines.append("No current state was stated: there is none, or it is not configured")
    return Answer(response, [*lines, trace_line(response.trace_id)], warnings=response.warnings)


def _lines(stated: StatementInfo) -> list[str]:
    artifacts = [(stated.current, "runs"), *((each, "may also run") for each in stated.also)]
    rows = [f"  {printable(a.version)} ({a.digest}) {role}" for a, role in artifacts]
    until = f"valid until {when(stated.valid_until)}, by entry {stated.entry}"
    return [f"Stated the runnable versions of {stated.environment}, {until}:", *rows]
