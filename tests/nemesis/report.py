"""The result of a hostile day, in sentences."""

from collections import Counter
from collections.abc import Iterator
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.nemesis.day import Outcome


def sentences(outcome: "Outcome") -> Iterator[str]:
    nemesis, writers, slack = outcome.nemesis, outcome.writers, outcome.crowd.slack
    rate = outcome.promotions / outcome.seconds
    yield f"{outcome.promotions} promotions in {outcome.seconds:.0f} s, {rate:.2f} a second"
    yield f"troubles: {_counted(nemesis.happened)}"
    yield f"commands and their exit codes: {_counted(writers.exits)}"
    answers = Counter(text for _, text in slack.responses)
    answers.update(each["text"] for each in slack.ephemerals)
    yield f"people repeated {outcome.crowd.repeated} requests, after {answers.total()} answers"
    if taken := nemesis.takeovers:
        yield (
            f"another replica took over the work of a killed one after {median(taken):.1f} s "
            f"(median of {len(taken)}; slowest {max(taken):.1f} s)"
        )
    yield f"the last message followed the last click after {outcome.settled:.1f} s"
    yield from outcome.counts


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.most_common()) or "none"
