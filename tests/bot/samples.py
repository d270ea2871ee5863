"""Sample changes in every state, harmless and hostile, with their messages."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.blocks import direct_message
from bot.blocks.gates import GateProgress
from bot.blocks.rendering_context import RenderingContext
from bot.message_store import DesiredMessage
from bot.thread_content import card_message, reminder_message, thread_messages
from engine.config.people import SlashCommands
from engine.domain.change import Change, ChangeState
from engine.domain.change_facts import Ended, Fingerprint, Person, StoredFinding
from engine.domain.gate import GateKind, GateResult, GateStatus
from engine.domain.impact.delta import Delta, VulnerabilityDelta
from engine.domain.operator import IdentitySource
from engine.domain.record import Previous
from engine.domain.record_base import ApprovalRecord
from tests.scenarios.engines import DEFAULT_PATH

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
HOSTILE = ("<!channel> <@U1|x> & <https://evil|ok> `*_~\u202e\x07\n> " * 20)[:500]
ALICE = Person(
    name="alice@acme.com", id="slack:T01ACME/U01ALICE", source=IdentitySource.SLACK, verified=True
)
RENDERING = RenderingContext(
    DEFAULT_PATH,
    SlashCommands(),
    "https://floe.acme.com",
    "C01DEPLOY",
    lambda name: "slack:T01ACME/U02BOB" if name == "bob@acme.com" else "",
)
PASSED = GateResult(gate=GateKind.TESTS, status=GateStatus.PASSED, duration_ms=42_000)
FAILED = GateResult(
    gate=GateKind.SECURITY_SCAN, status=GateStatus.FAILED, duration_ms=7_000, error="2 critical"
)
DELTA = Delta(
    running=Previous(version="v0.9.0", digest=f"sha256:{'b' * 64}"),
    digest=f"sha256:{'a' * 64}",
    vulnerabilities=VulnerabilityDelta(new_count=0, fixed_count=2, unchanged_count=1),
    compare_url="https://github.com/acme/shop/compare/a...b",
    size_bytes=1_500_000,
    unknown=("v0.9.0 has no SBOM",),
)
_ENDED = {
    ChangeState.BLOCKED: Ended(
        reason_code="gate_failed", message="Gate 'security_scan' failed: 2 critical", exit_code=8
    ),
    ChangeState.REJECTED: Ended(
        reason_code="rejected",
        message="Rejected by bob@acme.com: the migration is not reviewed",
        exit_code=15,
        by="bob@acme.com",
        interface="slack",
    ),
    ChangeState.EXPIRED: Ended(
        reason_code="expired",
        message="Expired: not approved until 2026-09-01 16:00 UTC",
        exit_code=15,
    ),
    ChangeState.SUPERSEDED: Ended(
        reason_code="superseded",
        message="Superseded by c-00000002: v2.0.0 was requested by carol@acme.com",
        exit_code=15,
    ),
    ChangeState.STALE: Ended(
        reason_code="stale",
        message="Change c-00000001 is stale: the running version changed from v0.9.0 to v0.9.1",
        exit_code=15,
    ),
    ChangeState.FAILED: Ended(
        reason_code="registry_unavailable", message="the registry did not answer", exit_code=5
    ),
    ChangeState.CANCELLED: Ended(
        reason_code="cancelled", message="Cancelled by alice@acme.com", exit_code=15
    ),
}
_DECIDED = (ChangeState.SCHEDULED, ChangeState.EXECUTING, ChangeState.PROMOTED)


def sample(state: ChangeState, **fields: Any) -> Change:
    """A change to prod in `state`."""
    checked = state is not ChangeState.CHECKING
    asked = checked and state is not ChangeState.BLOCKED
    results = (FAILED, PASSED) if state is ChangeState.BLOCKED else (PASSED,)
    given: dict[str, Any] = {
        "id": "c-00000001",
        "action": "promote",
        "version": "v1.0.0",
        "source": "staging",
        "target": "prod",
        "requester": ALICE,
        "interface": "slack",
        "trace_id": "1" * 32,
        "state": state,
        "created_at": NOON,
        "updated_at": NOON + timedelta(minutes=5),
        "required": 2 if asked else 0,
        "groups": ("release-managers",),
        "ended": _ENDED.get(state),
        "gate_results": results if checked else (),
        "digest": f"sha256:{'a' * 64}" if checked else None,
        "expires_at": NOON + timedelta(hours=4) if checked else None,
        "approvals": (approval(),) if state in _DECIDED else (),
        "fingerprint": fingerprint() if asked else None,
        "delta": DELTA if state is ChangeState.AWAITING_APPROVAL else None,
        "scheduled_at": NOON + timedelta(days=1) if state is ChangeState.SCHEDULED else None,
    }
    return Change.model_validate(given | fields)


def hostile(state: ChangeState) -> Change:
    """A change in which every untrusted text is hostile."""
    error = GateResult(gate=GateKind.TESTS, status=GateStatus.FAILED, error=HOSTILE)
    ended = Ended(reason_code="x", message=HOSTILE * 4, exit_code=15, by=HOSTILE, interface=HOSTILE)
    person = ALICE.model_copy(update={"name": HOSTILE, "id": HOSTILE})
    found = StoredFinding(check="tests", outcome="blocked", reason=HOSTILE * 4)
    return sample(
        state,
        requester=person,
        reason=HOSTILE * 4,
        action="rollback",
        gate_results=(error,) * 50,
        findings=(found,) * 20,
        ended=None if _ENDED.get(state) is None else ended,
        approvals=(approval(HOSTILE),) * 10,
    )


def approval(name: str = "bob@acme.com") -> ApprovalRecord:
    return ApprovalRecord(
        operator=name,
        operator_id="slack:T01ACME/U02BOB" if name == "bob@acme.com" else name,
        identity_source=IdentitySource.SLACK,
        authorized_via="group release-managers",
        approved_at=NOON + timedelta(minutes=3),
        interface="slack",
    )


def fingerprint() -> Fingerprint:
    return Fingerprint(
        digest="d",
        action="promote",
        version="v1.0.0",
        source="staging",
        target="prod",
        running_version="v0.9.0",
        running_digest="e",
        configuration="c",
    )


def messages(
    change: Change, results: tuple[GateResult, ...] = (PASSED,)
) -> Iterator[DesiredMessage]:
    """All messages about `change`."""
    gates = GateProgress(3, results, ("cost_analysis",))
    approvers = "<!subteam^S01>"
    yield card_message(change, gates, RENDERING, "https://acme.slack.com/archives/C/p1")
    yield from thread_messages(change, RENDERING, approvers)
    yield reminder_message(change, approvers)


def direct_messages(change: Change) -> Iterator[DesiredMessage]:
    """All direct messages about `change`."""
    approvers = "<!subteam^S01>"
    about, link = (change, RENDERING), "https://acme.slack.com/archives/C/p2"
    found = {"ask:U1": direct_message.asked(*about, "k")}
    if change.state is ChangeState.AWAITING_APPROVAL:
        found["ask:U1"] = direct_message.ask(*about, "k", link=link)
        found["late:U1"] = direct_message.late(*about, "k", link=link, approvers=approvers)
    elif not change.open:
        found["end:U1"] = direct_message.ended(*about, "k", link=link)
    if change.state is ChangeState.PROMOTED:
        found["failed:U1"] = direct_message.failed(*about, "k", link=link, summary="1 failed: eu-4")
    for key, payload in found.items():
        yield DesiredMessage(f"{change.id}:{key}", payload)
