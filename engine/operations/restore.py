"""Restore: move `latest` back to the artifact on the ledger, after it was moved outside floe."""

from engine.checks.authorization import authorization
from engine.checks.drift import restorable
from engine.context.restore import RestoreContext
from engine.domain.plan import Action, Effect, Plan, TagWrite
from engine.domain.record_header import record_header
from engine.domain.request import RestoreRequest
from engine.domain.result import Ending
from engine.domain.upkeep_records import RestoreRecord
from engine.operations.operation import Consequences, Operation, Stamp


class Restore(Operation[RestoreRequest, RestoreContext]):
    """Possible under a lock and without approval: the promotion was approved."""

    action = Action.RESTORE
    ending = Ending.RESTORED
    context = RestoreContext
    policy = (restorable, authorization)
    facts = (
        RestoreContext.manifest,
        RestoreContext.latest,
        RestoreContext.found_version,
    )

    def consequences(self, context: RestoreContext) -> Consequences:
        if context.effect is Effect.NOTHING or context.manifest is None:
            return Consequences()
        latest = TagWrite(context.target.latest, context.manifest, immutable=False)
        return Consequences(writes=(latest,))

    def record(
        self, request: RestoreRequest, plan: Plan, context: RestoreContext, stamp: Stamp
    ) -> RestoreRecord:
        return RestoreRecord(
            restore_id=stamp.id,
            environment=request.target,
            version=context.state.version or "",
            artifact_digest=context.state.digest or "",
            previous_version=context.found_version,
            previous_digest=str(context.latest) if context.latest else None,
            reason=request.reason,
            authorization_passed=True,
            authorized_via=plan.authorized_via,
            restored_at=stamp.at,
            **record_header(request.operator, request.trace_id, plan.policy_digest),
        )
