"""Refuse to write to a ledger without any entry that a trusted key signed."""

from engine.domain.errors import LedgerUnreadableError
from engine.domain.ledger import ChainEnd
from engine.domain.request import AcknowledgeRequest, Request


def refuse_unadopted(environment: str, end: ChainEnd, request: Request | None = None) -> None:
    """
    Raise LedgerUnreadableError if all entries before `end` are untrusted, unless `request`
    acknowledges the newest: then an operator decided to skip them.

    The next entry would skip them for good. Most often signing was configured for an older ledger.
    """
    if end.head is not None or not end.untrusted:
        return
    newest = max(end.untrusted)
    if isinstance(request, AcknowledgeRequest) and request.sequence == newest:
        return
    raise LedgerUnreadableError(
        f"The ledger of '{environment}' has entries up to {newest}, and no trusted key signed any "
        "of them, so nothing is written to it. If they are right, adopt them in manifest.yaml: "
        f'ledger: {{adopted: ["{environment}#{newest}={end.voided[newest]}"]}}. If they were '
        "forged, skip them: floe platform audit acknowledge "
        f"{newest} --env {environment} --reason TEXT",
        {"newest": newest, "digest": str(end.voided[newest])},
    )
