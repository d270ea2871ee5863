"""The verdict of a ledger about an artifact, for systems that deploy."""

from dataclasses import dataclass
from datetime import datetime

from engine.domain.artifact import Digest
from engine.domain.record import AnyRecord
from engine.domain.state import EnvironmentState


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    Whether `digest` may run in an environment, by its ledger as read at the time `at` (UTC).

    `record` is the ID of the newest promotion or rollback that brought the artifact there, and
    `version` its version. `current` says whether it should run now, and `quarantined` whether a
    rollback withdrew it; both are None if the ledger cannot be believed, and `promoted` is then
    False. `reasons` are the sentences that speak against it; empty for a current artifact.
    """

    environment: str
    digest: Digest
    promoted: bool = False
    current: bool | None = None
    quarantined: bool | None = None
    record: str | None = None
    version: str | None = None
    reasons: tuple[str, ...] = ()
    at: datetime | None = None


def judge(
    environment: str,
    digest: Digest,
    state: EnvironmentState,
    record: AnyRecord | None,
    unread: int,
    at: datetime | None,
) -> Verdict:
    """
    Judge `digest` by the newest `state` of the ledger, and by the `record` that last brought it
    there. Without one, it may be among `unread` older entries.
    """
    current = state.digest == str(digest)
    identity = record.id if record else None
    version = record.subject_version if record else None
    if current:
        identity, version = state.record, state.version
    held = next((each for each in state.quarantined if each.digest == str(digest)), None)
    promoted, reasons = identity is not None, []
    if not promoted:
        known = "is not known to be promoted" if unread else "was never promoted"
        more = f": {unread} older entries of the ledger are not read yet" if unread else ""
        reasons.append(f"{digest.short} {known} to {environment}{more}")
    if held is not None:
        reasons.append(f"{held.version} is quarantined in {environment} {held}")
    if promoted and not current:
        reasons.append(f"{environment} should run {state.version}, not {version}")
    facts = (promoted, current, held is not None, identity, version)
    return Verdict(environment, digest, *facts, tuple(reasons), at)
