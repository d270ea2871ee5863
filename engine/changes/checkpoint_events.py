"""Record in the feed that a checkpoint signed the ledger entry of a change."""

from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from engine.audit.checkpoints import SignedCheckpoint
from engine.domain.change import Change
from engine.domain.selection import parse_place
from engine.domain.tlog.note import encode_base64
from engine.ports.change_store import ChangeStore

CHECKPOINTED = "checkpointed"
# A checkpoint is made within seconds, so the changes that it is the first to sign are new.
_CHANGES = 50


def record_checkpoint(store: ChangeStore, signed: SignedCheckpoint) -> None:
    """
    Add an event to each recent change whose entry `signed` is the first to sign, or the first that
    all witnesses signed, too.
    """
    environment = signed.checkpoint.origin.rpartition("/")[2]
    details: dict[str, JsonValue] = {
        "origin": signed.checkpoint.origin,
        "size": signed.size,
        "root": encode_base64(signed.checkpoint.root),
        "witnesses": _names(key.name for key in signed.cosigned),
        "refused": _names(signed.refusals),
    }
    for change in store.recent(_CHANGES):
        if change.target != environment or not 0 < _sequence(change) <= signed.size:
            continue
        before = [e.details for e in store.events_of(change.id) if e.kind == CHECKPOINTED]
        if not before or (before[-1].get("refused") and before[-1] != details):
            store.add_events(change.id, [(CHECKPOINTED, details)])


def checkpoint_text(details: Mapping[str, JsonValue]) -> str:
    """Describe the checkpoint of an event, for people who compare it later."""
    text = "log {origin}, size {size}, root {root}".format_map(details)
    witnesses, refused = (
        ", ".join(map(str, names)) if isinstance(names := details.get(key), list) else ""
        for key in ("witnesses", "refused")
    )
    cosigned = f"; witnesses: {witnesses}" if witnesses else ""
    return text + cosigned + (f"; not yet witnessed by {refused}" if refused else "")


def _names(names: Iterable[str]) -> list[JsonValue]:
    return [*sorted(names)]


def _sequence(change: Change) -> int:
    """The number of the entry of `change`; 0 without one."""
    return parse_place(change.anchor)[1] if change.anchor else 0
