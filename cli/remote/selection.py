"""Choose where commands run: in this process, or on the server named by FLOE_SERVER."""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from cli.output import Answer

if TYPE_CHECKING:
    from engine.config import ProductChoice
    from engine.domain.audit import Anchor
    from engine.domain.gate import GateKind
    from engine.responses.diff import VersionDiffResponse
    from engine.responses.dora import DoraResponse
    from engine.responses.freeze import FreezeInput
    from engine.responses.promotion import PromotionInput
    from engine.responses.rollback import RollbackInput
    from engine.responses.status import EnvironmentWindows
    from engine.responses.waivers import WaiveInput


class Server(Protocol):
    """
    The commands of `floe platform` on a running `floe serve`.

    Each returns the same answer and raises the same PromotionError as the local command.
    """

    def promote(self, typed: "PromotionInput", run_gates: bool, wait_seconds: int) -> Answer: ...
    def roll_back(self, typed: "RollbackInput", wait_seconds: int) -> Answer: ...
    def waive(self, typed: "WaiveInput", wait_seconds: int) -> Answer: ...
    def waivers(self, environment: str | None, *, openvex: bool) -> Answer: ...
    def freeze(self, typed: "FreezeInput", duration: str | None) -> Answer: ...
    def rotate(self, typed: "FreezeInput", environments: Sequence[str]) -> Answer: ...
    def approve(self, change_id: str, reason: str | None) -> Answer: ...
    def reject(self, change_id: str, reason: str) -> Answer: ...
    def cancel(self, change_id: str, reason: str | None) -> Answer: ...
    def reschedule(self, change_id: str, at: str) -> Answer: ...
    def changes(self, everything: bool, limit: int) -> Answer: ...
    def show(self, change_id: str, gate: "GateKind | None") -> Answer: ...
    def status(self, environment: str | None, history: int | None) -> Answer: ...
    def versions(self, environment: str | None, limit: int, after: str | None) -> Answer: ...
    def windows(self, environment: str | None) -> "list[EnvironmentWindows]": ...
    def diff(self, before: str, after: str) -> "VersionDiffResponse": ...
    def dora(self, since: str) -> "DoraResponse": ...
    def products(self) -> Answer: ...
    def page(self, path: str) -> str: ...
    def sync(self, environment: str | None, *, published: bool) -> Answer: ...
    def webhooks(self, redeliver: str | None) -> Answer: ...
    def signature(self, version: str, environment: str | None) -> Answer: ...

    def audit(
        self, environment: str | None, strict: bool, anchors: Sequence["Anchor"], full: bool
    ) -> Answer:
        """With `strict`, records of another configuration are problems; `full`: all entries."""
        ...

    def history(
        self, filters: Mapping[str, str | None], limit: int | None, as_lines: bool
    ) -> Answer:
        """Return the newest `limit` records that match `filters`, `as_lines` one per line."""
        ...


def through_server(
    trace_id: str, product: "ProductChoice"
) -> AbstractContextManager[Server | None]:
    """
    Open `product` on the server of FLOE_SERVER under `trace_id`, or None without a server.

    Raises ConfigError for an address or token that cannot be used.
    """
    address = os.environ.get("FLOE_SERVER", "").strip()
    if not address:
        return nullcontext()
    # Imported only for a server: local commands need no HTTP client.
    opened: AbstractContextManager[Server] = import_module("cli.remote.commands").asking(
        address, os.environ.get("FLOE_ID_TOKEN", "").strip(), trace_id, product.name
    )
    return opened
