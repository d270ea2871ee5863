"""Compares the clock of this machine with the clock of another system."""

from engine.doctor.diagnosis import Chart, Diagnosis

# Sign-in tokens are accepted up to a minute before and after their time.
_FAILS_SECONDS = 60.0
_WARNS_SECONDS = 5.0
_ADVICE = (
    "Synchronize the clock of the machine that is wrong, for example with timedatectl set-ntp true"
)


def clock_difference(chart: Chart, ahead: float | None, other: str) -> Diagnosis:
    """Judge a clock that is `ahead` of this machine's, in seconds; None if it is unknown."""
    if ahead is None:
        return chart.not_tried("clock", f"{other} does not send its time")
    if abs(ahead) <= _WARNS_SECONDS:
        return chart.passed("clock", f"{other} and this machine agree")
    relation = "ahead of" if ahead > 0 else "behind"
    found = f"{other} is {abs(ahead):.0f} s {relation} this machine"
    if abs(ahead) <= _FAILS_SECONDS:
        return chart.warning("clock", found, _ADVICE)
    return chart.failed("clock", f"{found}: sign-ins and times of records are wrong", _ADVICE)
