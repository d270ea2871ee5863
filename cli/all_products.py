"""The status of all products of a server file, read at the same time."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from engine.api import Engine
from engine.bootstrap import open_engine, stored_state
from engine.config import Config, load_installation
from engine.domain.change import Change
from engine.domain.deployments import Deployment
from engine.domain.errors import PromotionError, StoreUnavailableError, UsageError
from engine.domain.status import EnvironmentStatus
from engine.responses.common import ErrorInfo
from engine.responses.product import ProductResponse
from engine.responses.status import EnvironmentResponse

_AT_ONCE = 16
_Reports = Mapping[str, tuple[Deployment, ...]]


def read_products(file: Path) -> list[ProductResponse]:
    """Read the status of every product; one that cannot be read has an error."""
    installation = load_installation(file, os.environ)
    if not installation.several:
        raise UsageError(f"{file} is not a server file: leave --all out")
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        rows = list(pool.map(_read, installation.products.values()))
    rows += [_failed("broken", name, None, why) for name, why in installation.broken.items()]
    return rows


def _read(config: Config) -> ProductResponse:
    try:
        with open_engine(config, needs=()) as engine:
            rows = engine.versions.add_published(engine.status())
            now, (pending, reports) = engine.now(), _stored(config, engine)
    except PromotionError as error:
        return _failed("unreachable", config.product, config.owner, error)
    return ProductResponse.build(
        product=config.product,
        owner=config.owner,
        state="ready",
        read_at=now,
        environments=tuple(_environment(row, pending, reports) for row in rows),
    )


def _stored(config: Config, engine: Engine) -> tuple[tuple[Change, ...] | None, _Reports]:
    """Return the open changes, None if the store cannot be read, and the reports of health."""
    try:
        return stored_state(config, engine)
    except StoreUnavailableError:
        return None, {}


def _environment(
    row: EnvironmentStatus, pending: tuple[Change, ...] | None, reports: _Reports
) -> EnvironmentResponse:
    found = None if pending is None else [each for each in pending if each.target == row.name]
    return EnvironmentResponse.of(row, found, reports.get(row.name, ()))


def _failed(state: str, name: str, owner: str | None, error: PromotionError) -> ProductResponse:
    return ProductResponse.build(
        product=name, owner=owner, state=state, environments=(), error=ErrorInfo.of(error)
    )
