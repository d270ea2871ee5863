"""The verbs. One file per verb: the checks it must pass and the writes it takes."""

from engine.domain.request import PromotionRequest, Request
from engine.operations.operation import Operation
from engine.operations.promote import PROMOTE

OPERATIONS: dict[type[Request], Operation] = {PromotionRequest: PROMOTE}
