"""The verbs: one class per verb, with its checks, its tag writes and its record."""

from typing import Any

from engine.domain.request import (
    AcknowledgeRequest,
    LockRequest,
    PromotionRequest,
    ReleaseRequest,
    Request,
    RestoreRequest,
    ReviewRequest,
    RollbackRequest,
    RotateRequest,
    UnlockRequest,
    UnwaiveRequest,
    WaiveRequest,
)
from engine.operations.acknowledge import Acknowledge
from engine.operations.break_glass import ReviewBreakGlass
from engine.operations.freeze import Lock, Release, Unlock
from engine.operations.operation import Operation
from engine.operations.promote import Promote
from engine.operations.restore import Restore
from engine.operations.rollback import Rollback
from engine.operations.rotate import Rotate
from engine.operations.waive import Unwaive, Waive

# An operation takes the requests of its own type, which a type of this table cannot express.
OPERATIONS: dict[type[Request], Operation[Any, Any]] = {
    PromotionRequest: Promote(),
    RollbackRequest: Rollback(),
    RestoreRequest: Restore(),
    LockRequest: Lock(),
    UnlockRequest: Unlock(),
    AcknowledgeRequest: Acknowledge(),
    RotateRequest: Rotate(),
    WaiveRequest: Waive(),
    UnwaiveRequest: Unwaive(),
    ReviewRequest: ReviewBreakGlass(),
    ReleaseRequest: Release(),
}
