"""A path whose gate waits until the test lets it go on."""

from dataclasses import replace

from engine.changes.worker import Pace
from engine.domain.path import PromotionPath
from tests.scenarios.changing import guarded
from tests.scenarios.engines import gate, path_of

# Claims that run out soon, so that what a killed worker left is taken up soon.
PACE = Pace(poll=0.05, claim=1.0, retry=0.2, sweep=0.1)
_GATE = "echo ran >> runs; while [ ! -e open ]; do sleep 0.02; done"


def waiting_path() -> PromotionPath:
    """dev -> staging -> prod: gates end once the file `open` is there, each run adds to `runs`."""
    staging = replace(guarded(), gates=(gate("sh", "-c", _GATE),))
    return path_of("dev", staging, "prod")
