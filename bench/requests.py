"""Requests and dependent waves of one promotion, beside `skopeo copy` of the tag (spec 21)."""

from collections.abc import Iterator
from pathlib import Path

from bench.platform import REPOSITORY, opened, registry_host, skopeo_copy
from bench.proxy import counting
from engine.adapters.registry.layout import LayoutRegistry
from engine.ports import Registry
from tests.builders import image
from tests.peers import oci_layout, raw
from tests.scenarios.engines import engine_on, promote


def lines() -> Iterator[str]:
    with registry_host() as (host, folder):
        raw.push(host, REPOSITORY, image(b"one", b"two", b"three"), "v1.0.0")
        for target in ("dev", "staging", "prod"):
            with counting(host) as (proxied, count), opened(proxied) as registry:
                _promote(registry, folder, target)
            yield (
                f"promote to {target}: {count.requests} requests in {count.waves} waves "
                f"(at most 16 in 7)"
            )
        with counting(host) as (proxied, count):
            skopeo_copy(proxied, "v1.0.0", "v1.0.0-copied")
        yield f"skopeo copy: {count.requests} requests in {count.waves} waves"
        yield from _on_a_layout(folder)


def _promote(registry: Registry, folder: Path, target: str) -> None:
    with engine_on(registry, folder) as engine:
        assert promote(engine, "v1.0.0", target).error is None


def _on_a_layout(folder: Path) -> Iterator[str]:
    root = folder / "layout"
    layout = LayoutRegistry.create(root)
    oci_layout.write(root, image(), "v1.0.0-dev")
    before = _files(root)
    _promote(layout, folder, "staging")
    yield f"promote on a layout: no requests, {len(_files(root) - before)} new files"


def _files(root: Path) -> set[Path]:
    return {path for path in (root / "blobs").rglob("*") if path.is_file()}
