"""Bar charts of delivery: each with a definition, a sentence, and its numbers as a table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from engine.changes.deployment_events import MeasuredRollout
from engine.domain.dora import DEFINITIONS, median_time
from engine.domain.dora_trend import GATE_TIME, WAITING, Span
from engine.responses.dora import duration_text

TO_HEALTHY = "median time from a promotion until all its targets reported to be healthy"
FAILED_ROLLOUTS = "share of promotions with reports for which a target reported a failure"


@dataclass(frozen=True)
class Bar:
    """A bar for a part of the period. `height` is in percent of the highest one, 0 without data."""

    label: str
    text: str
    height: float


@dataclass(frozen=True)
class Chart:
    """A chart. `bars` are oldest first, and empty if there is nothing to show."""

    name: str
    definition: str
    sentence: str
    bars: tuple[Bar, ...]
    highest: str = ""


Value = Callable[[Span], float | None]


def delivery_charts(whole: Span, spans: Sequence[Span]) -> tuple[Chart, ...]:
    """Draw the figures of DORA, and the time for approvals."""
    figures = whole.figures
    count, failed = figures.deployments, figures.failed
    times = "1 promotion" if count == 1 else f"{count} promotions"
    rate = figures.change_fail_rate
    return (
        _chart(
            "deployment frequency",
            f"{times} to {figures.environment}: {figures.per_day:.2f} a day.",
            spans,
            lambda each: each.figures.deployments or None,
            lambda value: f"{value:.0f}",
        ),
        _times("lead time", figures.lead_time, spans, lambda each: each.figures.lead_time),
        _chart(
            "change fail rate",
            "" if rate is None else f"{failed} of {times} rolled back: {rate:.0%}.",
            spans if failed else (),
            lambda each: each.figures.change_fail_rate,
            lambda value: f"{value:.0%}",
            "" if rate is None else f"None of {times} was rolled back.",
        ),
        _times("recovery time", figures.recovery_time, spans, lambda s: s.figures.recovery_time),
        _times("waiting for approval", whole.waiting, spans, lambda each: each.waiting, WAITING),
    )


def gate_charts(whole: Span, spans: Sequence[Span]) -> tuple[Chart, ...]:
    """Draw the duration of each gate that ran."""
    return tuple(
        _times(gate.value.replace("_", " "), time, spans, _of_gate(gate), GATE_TIME)
        for gate, time in sorted(whole.gates.items())
    )


def health_charts(rollouts: Sequence[MeasuredRollout], spans: Sequence[Span]) -> tuple[Chart, ...]:
    """Draw the health that systems that deploy reported; nothing without any report."""
    if not rollouts:
        return ()
    failed, count = sum(each.failed for each in rollouts), len(rollouts)
    rolled = "1 rollout" if count == 1 else f"{count} rollouts"

    def share(span: Span) -> float | None:
        those = _within(rollouts, span)
        return sum(each.failed for each in those) / len(those) if those else None

    return (
        _times(
            "time to healthy",
            _median_took(rollouts),
            spans,
            lambda span: _median_took(_within(rollouts, span)),
            TO_HEALTHY,
        ),
        _chart(
            "failed rollouts",
            f"{failed} of {rolled} failed somewhere: {failed / count:.0%}.",
            spans,
            share,
            lambda value: f"{value:.0%}",
            definition=FAILED_ROLLOUTS,
        ),
    )


def _within(rollouts: Sequence[MeasuredRollout], span: Span) -> list[MeasuredRollout]:
    return [each for each in rollouts if span.begin <= each.at < span.end]


def _median_took(rollouts: Sequence[MeasuredRollout]) -> timedelta | None:
    return median_time([each.took for each in rollouts if each.took is not None])


def _of_gate(gate: str) -> Callable[[Span], timedelta | None]:
    return lambda each: {str(name): time for name, time in each.gates.items()}.get(gate)


def _times(
    name: str,
    whole: timedelta | None,
    spans: Sequence[Span],
    time: Callable[[Span], timedelta | None],
    definition: str = "",
) -> Chart:
    def seconds(each: Span) -> float | None:
        found = time(each)
        return found.total_seconds() if found is not None else None

    sentence = "" if whole is None else f"Median {duration_text(whole.total_seconds())}."
    return _chart(name, sentence, spans, seconds, duration_text, definition=definition)


def _chart(
    name: str,
    sentence: str,
    spans: Sequence[Span],
    value: Value,
    text: Callable[[float], str],
    empty: str = "",
    definition: str = "",
) -> Chart:
    values = [value(each) for each in spans]
    known = [each for each in values if each is not None]
    highest = max(known, default=0)
    bars = tuple(
        Bar(
            f"{each.begin:%Y-%m-%d %H:%M}",
            "–" if found is None else text(found),
            # Also a short time is visible beside long ones.
            max(100 * found / highest, 2) if found else 0,
        )
        for each, found in zip(spans, values, strict=True)
    )
    definition = definition or DEFINITIONS[name]
    shown = sentence or "Nothing to measure in this period."
    if not known:
        return Chart(name, definition, empty or shown, ())
    return Chart(name, definition, shown, bars, text(highest))
