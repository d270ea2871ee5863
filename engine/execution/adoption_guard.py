"""Refuse to write to a ledger without any entry that a trusted key signed."""

from engine.domain.errors import LedgerUnreadableError
from engine.domain.ledger import ChainEnd
from engine.domain.request import AcknowledgeRequest, Request


def refuse_unadopted(environment: str, end: ChainEnd, request: Request | None = None) -> None:
    """
    Raise LedgerUnreadableError if all entries before `end` are untrusted, unless `request`
    acknowledges the only one.

    The next entry would skip them for good. Most often signing was configured for an older ledger.
    """
    only = isinstance(request, AcknowledgeRequest) and len(end.voided) == 1
    if end.head is not None or not end.untrusted or only:
        return
    newest = max(end.untrusted)
    raise LedgerUnreadableError(
        f"The ledger of '{environment}' has entries up to {newest}, and no trusted key signed any "
        "of them, so nothing is written to it. If they are right, adopt them in manifest.yaml: "
        f'ledger: {{adopted: ["{environment}#{newest}={end.voided[newest]}"]}}. If they '
        f"were forged, remove the tags floe-ledger.{environment}.*",
        {"newest": newest, "digest": str(end.voided[newest])},
    )
