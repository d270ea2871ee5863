"""The first page and the history with 10,000 records in the ledgers, against 10."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx

from bench.platform import REPOSITORY, opened, registry_host
from engine.adapters.ledger.encoding import decode, encode, head_tag, sequence_tag
from engine.bootstrap import in_flight, open_platform
from engine.config import load_config
from engine.domain.ledger import LedgerEntry, draft_after
from engine.domain.manifest import Manifest
from engine.domain.record import PromotionRecord
from engine.ports import Registry
from tests.builders import image
from tests.domain.records import AT, a_promotion
from tests.peers import raw
from tests.web.serving import serving
from web.opening import open_web

FEW, MANY = 10, 10_000
_ASKED, _AT_ONCE = 200, 4
# Records that differ; the chain makes ten thousand entries of them.
_DIFFERENT = 50
_PAGES = {
    "first page": "/",
    # As many rows whatever there is, so that their number is not what is measured.
    "history": "/history?limit=10",
    "filtered": "/history?limit=10&environment=staging&kind=promotion",
}
_MANIFEST = """
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci://%s/%s", auth: {type: anonymous}}
"""


@dataclass(frozen=True)
class Pace:
    """Requests a second with a few at once, and the time only one in a hundred takes longer."""

    rate: float
    p99: float


def lines() -> Iterator[str]:
    few, many = _measured(FEW), _measured(MANY)
    for name, pace in many.items():
        before = few[name]
        yield (
            f"{name}: {pace.rate / before.rate:.2f} x the requests a second with {MANY} records "
            f"than with {FEW}, p99 {pace.p99 / before.p99:.2f} x"
        )


def _measured(records: int) -> dict[str, Pace]:
    with registry_host() as (host, folder), served(host, folder, records) as url:
        return {name: _pace(url + path) for name, path in _PAGES.items()}


@contextmanager
def served(host: str, folder: Path, records: int) -> Iterator[str]:
    """A page whose copy of the ledger is complete."""
    with opened(host) as registry:
        artifact = image(b"common")
        raw.push(host, REPOSITORY, artifact, "latest-staging")
        _write_ledger(registry, records, artifact.manifest)
    file = folder / "manifest.yaml"
    file.write_text(_MANIFEST % (host, REPOSITORY))
    config = load_config(file, {})
    with (
        open_platform(config) as engine,
        in_flight(config, engine) as platform,
        open_web(platform, config) as app,
        serving(app) as url,
    ):
        kept = app.extensions["floe"].records
        while not kept.refresh():
            pass
        yield url


def _write_ledger(registry: Registry, records: int, artifact: Manifest) -> None:
    """A ledger of staging with that many promotions, its entries put side by side."""
    kinds = [_record(number, artifact) for number in range(_DIFFERENT)]
    for record in kinds:
        registry.open_upload().finish(record.to_bytes())
    head: LedgerEntry | None = None
    entries: list[LedgerEntry] = []
    for number in range(records):
        draft = draft_after(head, kinds[number % _DIFFERENT], artifact.descriptor)
        head = decode(encode(draft), draft.record)
        entries.append(head)
    with ThreadPoolExecutor(8) as pool:
        puts = pool.map(
            lambda e: registry.put(e.manifest, sequence_tag(e.environment, e.sequence)), entries
        )
        for _ in puts:
            pass
    if head is not None:
        registry.put(head.manifest, head_tag(head.environment))


def _record(number: int, artifact: Manifest) -> PromotionRecord:
    return a_promotion(
        promotion_id=UUID(int=number),
        artifact_digest=str(artifact.digest),
        version=f"v1.0.{number}",
        target_environment="staging",
        source_environment="dev",
        promoted_at=AT + timedelta(minutes=number),
    )


def _pace(url: str) -> Pace:
    with httpx.Client(timeout=60) as client:

        def ask(_number: int) -> float:
            began = time.perf_counter()
            client.get(url).raise_for_status()
            return time.perf_counter() - began

        ask(0)
        began = time.perf_counter()
        with ThreadPoolExecutor(_AT_ONCE) as crowd:
            took = sorted(crowd.map(ask, range(_ASKED)))
        return Pace(_ASKED / (time.perf_counter() - began), took[int(_ASKED * 0.99)])


if __name__ == "__main__":
    print("\n".join(lines()))
