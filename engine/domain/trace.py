"""
Trace ids, and the names of spans and their attributes.

https://www.w3.org/TR/trace-context/
"""

import re
import secrets

SPAN_PROMOTE = "floe.oci.promote"  # artifact_ref, from_env, to_env, dry_run
SPAN_ROLLBACK = "floe.oci.rollback"  # artifact_ref, environment, reason
SPAN_LOCK = "floe.oci.lock"  # environment, reason
SPAN_UNLOCK = "floe.oci.unlock"  # environment, reason
SPAN_RESTORE = "floe.oci.restore"  # environment, reason
SPAN_REVIEW = "floe.oci.review"  # environment, reason
SPAN_ACKNOWLEDGE = "floe.oci.acknowledge"  # environment, reason
SPAN_ROTATE = "floe.oci.rotate"  # environment, reason
SPAN_WAIVE = "floe.oci.waive"  # environment, reason
SPAN_UNWAIVE = "floe.oci.unwaive"  # environment, reason
SPAN_RELEASE = "floe.oci.release"  # environment, reason
SPAN_VERIFY = "floe.oci.promote.verify"  # enforcement_mode, cached
SPAN_GATE = "floe.oci.gate."  # + the gate's kind: gate_type, duration_ms, status

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_INVALID = "0" * 32


def trace_id(traceparent: str | None = None) -> str:
    """Parse the trace id from `traceparent`, else create one: 32 hex digits, never all zero."""
    match = _TRACEPARENT.fullmatch((traceparent or "").strip())
    if match and match["trace"] != _INVALID:
        return match["trace"]
    return secrets.token_hex(16)
