"""The header of a record: who made it, in which trace, and under which configuration."""

from typing import TypedDict

from engine.domain.operator import IdentitySource, Operator


class RecordHeader(TypedDict):
    """The fields that every record gets from its request: who, in which trace, by which rules."""

    operator: str
    operator_id: str
    identity_source: IdentitySource
    identity_verified: bool
    trace_id: str
    policy_digest: str


def record_header(operator: Operator, trace_id: str, policy_digest: str) -> RecordHeader:
    """Fill the header of a record; `policy_digest` is the digest of the whole configuration."""
    return RecordHeader(
        operator=operator.name,
        operator_id=operator.id,
        identity_source=operator.source,
        identity_verified=operator.verified,
        trace_id=trace_id,
        policy_digest=policy_digest,
    )
