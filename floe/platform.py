"""A platform of one manifest: plans, promotions, rollbacks, locks, status and history."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import cast

from engine.api import Engine
from engine.bootstrap import ACTING, carry_out, local_operator, open_engine, stored_state
from engine.config import Config, ProductChoice
from engine.domain.errors import ApprovalPendingError
from engine.domain.operator import Operator
from engine.domain.overrides import Overrides
from engine.domain.parsing import (
    parse_incident,
    parse_lock_request,
    parse_promotion_request,
    parse_rollback_request,
    parse_unlock_request,
)
from engine.domain.plan import GateMode
from engine.domain.request import (
    ChangeRequest,
    LockRequest,
    PromotionRequest,
    RollbackRequest,
    UnlockRequest,
)
from engine.domain.trace import trace_id
from engine.ports import NO_PROGRESS
from engine.responses.change import ChangeResponse, error_of
from engine.responses.freeze import (
    FreezeInput,
    FreezeResponse,
    LockResponse,
    UnlockResponse,
    freeze_response,
)
from engine.responses.promotion import PromotionInput, PromotionResponse
from engine.responses.record import RecordResponse
from engine.responses.rollback import RollbackInput, RollbackResponse
from engine.responses.status import EnvironmentResponse


@contextmanager
def open_platform(
    manifest: str | os.PathLike[str] = "manifest.yaml", product: str | None = None
) -> Iterator["Platform"]:
    """
    Open the platform of `manifest`, a manifest.yaml or the server file that has `product`.

    ConfigError if the file is wrong, or if FLOE_SERVER is set.
    """
    config = ProductChoice(Path(manifest), product).load(os.environ)
    with open_engine(config, needs=()) as engine:
        yield Platform(config, engine)


class Platform:
    """
    Plans and carries out requests, and reads status and history. Made by `open_platform`.

    The operator is found as for commands: FLOE_ID_TOKEN, `floe login`, the user of the registry, or
    the OS user. Answers have the fields of the documents that commands print with `--output json`.
    A request that is refused raises the PromotionError of the rule, and its refusal is recorded.
    Methods may be called from any thread.
    """

    def __init__(self, config: Config, engine: Engine) -> None:
        self._config = config
        self._engine = engine

    @property
    def environments(self) -> tuple[str, ...]:
        """The names of the environments, in the order of the manifest."""
        return self._engine.path.names

    @property
    def operator(self) -> str:
        """The name of the operator, as records have it."""
        return self._operator.name

    def plan_promotion(
        self,
        version: str,
        to: str,
        *,
        source: str | None = None,
        allow_older: bool = False,
        override_rollback: bool = False,
        reason: str = "",
        run_gates: bool = False,
    ) -> PromotionResponse:
        """
        Plan a promotion without any write; the `error` of the answer is the first refusal.

        `source` is by default the environment before `to`. Gate commands run with `run_gates` only.
        """
        overrides = Overrides(allow_older, override_rollback, reason)
        request = self._promotion(version, to, source, overrides)
        plan = self._engine.plan(request, NO_PROGRESS, _mode(run_gates))
        return PromotionResponse.of_dry_run(_promotion_input(request, True), plan)

    def promote(
        self,
        version: str,
        to: str,
        *,
        source: str | None = None,
        allow_older: bool = False,
        override_rollback: bool = False,
        reason: str = "",
        incident: str | None = None,
        wait_seconds: float = 0,
    ) -> PromotionResponse:
        """
        Promote `version` to an environment.

        The `outcome` of the answer is `promoted`, `unchanged`, or `pending` if the change still
        waits for approvals after `wait_seconds`. With an `incident`, a break-glass skips rules.
        """
        glass = "" if incident is None else parse_incident(True, incident)
        overrides = Overrides(allow_older, override_rollback, reason, glass)
        request = self._promotion(version, to, source, overrides)
        change = self._carried_out(request, wait_seconds)
        return PromotionResponse.of_change(_promotion_input(request, False), change)

    def plan_rollback(
        self, version: str, environment: str, *, reason: str | None = None
    ) -> RollbackResponse:
        """Plan a rollback without any write; the `error` of the answer is the first refusal."""
        request = self._rollback(version, environment, reason, "", True)
        plan = self._engine.plan(request, NO_PROGRESS, GateMode.LIST)
        return RollbackResponse.of_dry_run(_rollback_input(request, True), plan)

    def roll_back(
        self,
        version: str,
        environment: str,
        *,
        reason: str,
        quarantine: bool = True,
        incident: str | None = None,
        wait_seconds: float = 0,
    ) -> RollbackResponse:
        """
        Return `environment` to a `version` that was promoted there before.

        The `outcome` is `rolled_back`, `unchanged` or `pending`; see `promote`. With `quarantine`,
        the version that is left cannot be promoted again until it is released.
        """
        glass = "" if incident is None else parse_incident(True, incident)
        request = self._rollback(version, environment, reason, glass, quarantine)
        change = self._carried_out(request, wait_seconds)
        return RollbackResponse.of_change(_rollback_input(request, False), change)

    def lock(self, environment: str, *, reason: str, duration: str | None = None) -> LockResponse:
        """Lock `environment` for a `duration` such as `2h`, or until it is unlocked."""
        path, operator, trace = self._engine.path, self._operator, _trace()
        request = parse_lock_request(path, environment, operator, trace, reason, duration)
        return cast(LockResponse, self._frozen("lock", request))

    def unlock(self, environment: str, *, reason: str) -> UnlockResponse:
        """Unlock `environment`; the `outcome` is `unchanged` if it was not locked."""
        path, operator = self._engine.path, self._operator
        request = parse_unlock_request(path, environment, operator, _trace(), reason)
        return cast(UnlockResponse, self._frozen("unlock", request))

    def status(self, environment: str | None = None) -> tuple[EnvironmentResponse, ...]:
        """Read the status of all environments, or of one; one that cannot be read has an error."""
        rows = self._engine.versions.add_published(self._engine.status(environment))
        opened, reports = stored_state(self._config, self._engine)
        return tuple(
            EnvironmentResponse.of(
                row, [each for each in opened if each.target == row.name], reports.get(row.name, ())
            )
            for row in rows
        )

    def history(
        self, environment: str | None = None, *, limit: int = 20, before: int | None = None
    ) -> tuple[RecordResponse, ...]:
        """
        Read the newest `limit` records of all environments or of one, newest first.

        With an `environment`, `before` is the sequence of the last record of the page before.
        """
        entries = self._engine.history(environment, limit, before)
        return tuple(map(RecordResponse.of, entries))

    @cached_property
    def _operator(self) -> Operator:
        return local_operator(self._config, self._engine)

    def _promotion(
        self, version: str, to: str, source: str | None, overrides: Overrides
    ) -> PromotionRequest:
        path, operator = self._engine.path, self._operator
        return parse_promotion_request(path, version, source, to, operator, _trace(), overrides)

    def _rollback(
        self, version: str, environment: str, reason: str | None, incident: str, quarantine: bool
    ) -> RollbackRequest:
        path, operator, trace = self._engine.path, self._operator, _trace()
        about = (version, environment, operator, trace, reason, incident)
        return parse_rollback_request(path, *about, quarantine=quarantine)

    def _carried_out(self, request: ChangeRequest, wait_seconds: float) -> ChangeResponse:
        self._config.require(*ACTING)
        change = carry_out(self._config, self._engine, request, "python", NO_PROGRESS, wait_seconds)
        error = error_of(change)
        if error is not None and not isinstance(error, ApprovalPendingError):
            raise error
        return ChangeResponse.of(change)

    def _frozen(self, verb: str, request: LockRequest | UnlockRequest) -> FreezeResponse:
        self._config.require(*ACTING)
        result = self._engine.run(request, NO_PROGRESS)
        if result.error is not None:
            raise result.error
        typed = FreezeInput("lock", request.target, request.reason, request.trace_id)
        return freeze_response(typed if verb == "lock" else replace(typed, verb="unlock"), result)


def _promotion_input(request: PromotionRequest, dry_run: bool) -> PromotionInput:
    about = (str(request.version), request.source, request.target)
    return PromotionInput(*about, dry_run, request.trace_id, request.overrides)


def _rollback_input(request: RollbackRequest, dry_run: bool) -> RollbackInput:
    about = (str(request.version), request.target, request.reason)
    return RollbackInput(*about, dry_run, request.trace_id, request.break_glass or "")


def _mode(run_gates: bool) -> GateMode:
    return GateMode.RUN if run_gates else GateMode.LIST


def _trace() -> str:
    return trace_id(os.environ.get("TRACEPARENT"))
