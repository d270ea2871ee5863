"""The verbs. One file per verb: the checks it must pass and the writes it takes."""

from typing import Any

from engine.domain.request import (
    LockRequest,
    PromotionRequest,
    Request,
    RestoreRequest,
    RollbackRequest,
    UnlockRequest,
)
from engine.operations.freeze import LOCK, UNLOCK
from engine.operations.operation import Operation
from engine.operations.promote import PROMOTE
from engine.operations.restore import RESTORE
from engine.operations.rollback import ROLLBACK

# Each operation goes with the requests of its own type; the table cannot say so in types.
OPERATIONS: dict[type[Request], Operation[Any, Any]] = {
    PromotionRequest: PROMOTE,
    RollbackRequest: ROLLBACK,
    RestoreRequest: RESTORE,
    LockRequest: LOCK,
    UnlockRequest: UNLOCK,
}
