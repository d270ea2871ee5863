"""Registries that read uploads slowly: a transfer with progress does not time out."""

import time
from collections.abc import Callable

import pytest

from engine.adapters.registry.mirror.remote import RemoteSide
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.artifact import Digest
from engine.domain.errors import RegistryUnavailableError
from engine.domain.manifest import Descriptor
from tests.peers.slow_reader import slow_reader

Opened = Callable[..., DistributionRegistry]
MIB = 1024 * 1024


def test_an_upload_that_is_read_slowly_ends_at_the_deadline(opened: Opened) -> None:
    # At this rate it would take about 40 seconds, and no single write waits long.
    with slow_reader(MIB // 4, 0.05) as host:
        upload = opened(host, timeout_seconds=2.0).open_upload()
        start = time.monotonic()

        with pytest.raises(RegistryUnavailableError, match="did not answer PUT"):
            upload.finish(bytes(200 * MIB))

        assert time.monotonic() - start < 15


def test_a_blob_with_progress_may_take_longer_than_the_timeout(opened: Opened) -> None:
    content = bytes(40 * MIB)
    named = Descriptor(media_type="x/y", digest=str(Digest.of(content)), size=len(content))
    with slow_reader(MIB // 2, 0.1) as host:
        side = RemoteSide(opened(host, timeout_seconds=4.0), bounded=True)
        start = time.monotonic()

        side.store(named, lambda: iter([content[n : n + MIB] for n in range(0, 40 * MIB, MIB)]))

        assert time.monotonic() - start > 4
