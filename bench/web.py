"""The first page, the history and the search with many records, relative to 100."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx

from bench.platform import REPOSITORY, registry_host
from bench.rows import Row, beside
from bench.storage import Storage
from engine.adapters.ledger.encoding import decode, encode, head_tag, sequence_tag
from engine.bootstrap import open_products
from engine.config import load_config
from engine.domain.ledger import ChainEnd, LedgerEntry, draft_after
from engine.domain.manifest import Manifest
from engine.domain.product import UNNAMED
from engine.domain.record import PromotionRecord
from engine.ports.record_cache import CachedRange
from engine.ports.telemetry import NO_METRICS
from tests.builders import image
from tests.domain.records import AT, a_promotion
from tests.peers import raw
from tests.web.serving import serving
from web.lifecycle import open_web

FEW, MANY, MOST = 100, 10_000, 100_000
_ROUNDS, _ASKED, _AT_ONCE = 5, 100, 4
# The number of different records; the chain repeats them in ten thousand entries.
_DIFFERENT = 50
_PAGES = {
    "first page": "/",
    # A fixed number of rows, so that only the history's length differs.
    "history": "/history?limit=10",
    "history of one environment and kind": "/history?limit=10&environment=staging&kind=promotion",
    "search": "/history?limit=10&search=v1.0.49",
}
_MANIFEST = """
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci://%s/%s", auth: {type: anonymous}}
"""


@dataclass(frozen=True)
class Pace:
    """Requests per second with a few at once, and the 99th percentile of their times."""

    rate: float
    p99: float


def rows(full: bool = False) -> Iterator[Row]:
    records = MOST if full else MANY
    with _running(FEW) as few, _running(records) as many:
        for name, path in _PAGES.items():
            before, after = _paces(few + path, many + path)
            row, peer = f"{name} with {records:,} records", f"with {FEW}"
            yield beside(f"{row}, time per request", 1 / after.rate, peer, 1 / before.rate)
            yield beside(f"{row}, p99", after.p99, peer, before.p99)


@contextmanager
def _running(records: int) -> Iterator[str]:
    with registry_host() as (host, folder), served(host, folder, records) as url:
        yield url


@contextmanager
def served(host: str, folder: Path, records: int) -> Iterator[str]:
    """Serve a page whose copy of the ledger is complete; yield its URL."""
    artifact = image(b"common")
    raw.push(host, REPOSITORY, artifact, "latest-staging")
    entries = _ledger(records, artifact.manifest)
    _write_head(Storage(folder / "storage"), entries[-1])
    file = folder / "manifest.yaml"
    file.write_text(_MANIFEST % (host, REPOSITORY))
    config = load_config(file, {})
    with (
        open_products({UNNAMED: config}, NO_METRICS, several=False) as products,
        open_web(products, config) as app,
        serving(app) as url,
    ):
        kept = app.extensions["floe"].sites[UNNAMED].records
        # Reading so many records from a registry is another measurement, and takes minutes.
        whole = CachedRange(1, records, entries[-1].digest, None)
        kept.store.forget("staging")
        assert kept.store.extend("staging", entries, None, whole)
        while not kept.refresh():
            pass
        assert kept.store.cached_ranges()["staging"] == whole
        yield url


def _ledger(records: int, artifact: Manifest) -> list[LedgerEntry]:
    kinds = [_record(number, artifact) for number in range(_DIFFERENT)]
    entries: list[LedgerEntry] = []
    for number in range(records):
        draft = draft_after(
            ChainEnd(entries[-1] if entries else None),
            kinds[number % _DIFFERENT],
            artifact.descriptor,
            lambda link: entries[link.sequence - 1],
        )
        entries.append(decode(encode(draft)[0], draft.record))
    return entries


def _write_head(storage: Storage, head: LedgerEntry) -> None:
    storage.blob(head.record.to_bytes())
    tags = head_tag(head.environment), sequence_tag(head.environment, head.sequence)
    storage.manifest(head.manifest, *map(str, tags))


def _record(number: int, artifact: Manifest) -> PromotionRecord:
    return a_promotion(
        promotion_id=UUID(int=number),
        artifact_digest=str(artifact.digest),
        version=f"v1.0.{number}",
        target_environment="staging",
        source_environment="dev",
        promoted_at=AT + timedelta(minutes=number),
    )


def _paces(*urls: str) -> list[Pace]:
    """Measure each URL, in turns, so that other load slows all of them."""
    took: dict[str, list[float]] = {url: [] for url in urls}
    seconds = dict.fromkeys(urls, 0.0)
    for _ in range(_ROUNDS):
        for url in urls:
            began = time.perf_counter()
            took[url] += _crowd(url)
            seconds[url] += time.perf_counter() - began
    return [Pace(len(took[url]) / seconds[url], _p99(took[url])) for url in urls]


def _crowd(url: str) -> list[float]:
    """Return the times of a hundred answers."""
    with httpx.Client(timeout=60) as client, ThreadPoolExecutor(_AT_ONCE) as crowd:

        def ask(_number: int) -> float:
            began = time.perf_counter()
            client.get(url).raise_for_status()
            return time.perf_counter() - began

        return list(crowd.map(ask, range(_ASKED)))


def _p99(took: list[float]) -> float:
    return sorted(took)[int(len(took) * 0.99)]
