"""A path with a gate that waits until the test releases it."""

from dataclasses import replace

from engine.changes.worker import Pace
from engine.domain.path import PromotionPath
from tests.scenarios.changing import guarded
from tests.scenarios.engines import gate, path_of

# Claims expire soon, so the change of a killed worker is resumed soon.
PACE = Pace(poll=0.05, claim=1.0, retry=0.2, sweep=0.1)
_GATE = "echo ran >> runs; while [ ! -e open ]; do sleep 0.02; done"


def waiting_path() -> PromotionPath:
    """
    dev -> staging -> prod: gates end once the file `open` exists, and each run adds to `runs`.
    """
    staging = replace(guarded(), gates=(gate("sh", "-c", _GATE),))
    return path_of("dev", staging, "prod")
