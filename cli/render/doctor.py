"""The answer of `doctor`: a table of tries, with advice below failures."""

from collections import Counter
from collections.abc import Iterable

from cli.output import Answer
from cli.render.common import exit_code, trace_line
from cli.render.table import show
from engine.domain.text import printable
from engine.responses.doctor import DiagnosisInfo, DoctorResponse

_HEADS = ("VERDICT", "SYSTEM", "TRY", "FOUND")


def render(response: DoctorResponse) -> Answer:
    rows = [row for each in response.diagnoses for row in _rows(each)]
    lines = [*show(_HEADS, rows), _summary(response), trace_line(response.trace_id)]
    return Answer(response, lines, exit_code(response.error))


def _rows(diagnosis: DiagnosisInfo) -> Iterable[tuple[str, ...]]:
    cells = (diagnosis.verdict, diagnosis.system, diagnosis.name, diagnosis.found)
    yield tuple(map(printable, cells))
    if diagnosis.advice and diagnosis.verdict != "not tried":
        yield ("", "", "", printable(f"→ {diagnosis.advice}"))


def _summary(response: DoctorResponse) -> str:
    counts = Counter(str(each.verdict) for each in response.diagnoses)
    order = ("passed", "warning", "failed", "not tried")
    counted = ", ".join(f"{counts[verdict]} {verdict}" for verdict in order if counts[verdict])
    more = any("--write" in (each.advice or "") for each in response.diagnoses)
    unwritten = "; floe doctor --write tries more" if more else ""
    return f"Tries: {counted}{unwritten}"
