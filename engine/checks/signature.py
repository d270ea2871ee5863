"""The artifact has a signature that the target trusts (FR-004, FR-005)."""

from engine.checks.check import reads
from engine.context.context import Context
from engine.domain.environment import Enforcement
from engine.domain.errors import SignatureVerificationError
from engine.domain.finding import Finding, blocked, passed, skipped, warned
from engine.domain.request import Request

_NAME = "signature"


@reads(Context.signature)
def signature(request: Request, context: Context) -> Finding:
    """Block or warn about an artifact without a good signature, as the target is configured."""
    verdict = context.signature
    if verdict is None:
        return skipped(_NAME, f"signatures are not verified for {request.target}")
    if verdict.verified:
        return passed(_NAME, verdict.summary)
    if context.target.signature is Enforcement.WARN:
        return warned(_NAME, verdict.summary)
    return blocked(_NAME, verdict.refusal, SignatureVerificationError)
