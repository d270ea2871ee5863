"""What somebody asks for. Built by `parsing`, which refuses what cannot be meant."""

from dataclasses import dataclass

from engine.domain.artifact import Version
from engine.domain.operator import Operator


@dataclass(frozen=True, slots=True)
class PromotionRequest:
    """Bring `version` from `source` (an environment, or `none`: from the build) to `target`."""

    version: Version
    source: str
    target: str
    operator: Operator
    trace_id: str


Request = PromotionRequest
