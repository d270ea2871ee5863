"""Compares a whole promotion with other tools that set a tag, on each kind of registry."""

import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench.clients import Client, oras_on_a_layout, skopeo_on_a_layout, taggers
from bench.platform import REPOSITORY, medians, opened, promoted, registry_host
from bench.proxy import counting, delaying
from bench.requests import counted
from bench.rows import Row, beside
from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.config import load_config
from engine.domain.policy_document import PolicyDocument
from tests.builders import image
from tests.peers import oci_layout, raw
from tests.peers.fake_registry import Behaviour, FakeRegistry
from tests.peers.go import BIN, referrers_registry
from tests.scenarios.commands import Floe
from tests.scenarios.engines import engine_on, promote, with_parts

ROUND_TRIPS = (0.0, 0.01, 0.04)
_SERVER, _COMMAND = "by a running server", "as a new command"
_OURS = (_SERVER, _COMMAND)


def rows(times: int = 5) -> Iterator[Row]:
    with registry_host() as (host, folder):
        yield from _on("docker-registry", host, folder, times)
    if (BIN / "referrers-registry").exists():
        with referrers_registry() as host, tempfile.TemporaryDirectory() as name:
            yield from _on("registry with the referrers API", host, Path(name), times)
    yield from _acknowledged()
    with tempfile.TemporaryDirectory() as name:
        yield from _on_a_layout(Path(name), times)


def _on(name: str, host: str, folder: Path, times: int) -> Iterator[Row]:
    for version in ("v0.0.0", "v0.0.1"):
        raw.push(host, REPOSITORY, image(b"one", b"two", version.encode()), version)
    yield from _counted(name, host, folder)
    for number in range(len(ROUND_TRIPS) * len(_OURS) * (times + 1)):
        raw.push(host, REPOSITORY, image(str(number).encode()), f"v1.{number}.0-dev")
    for turn, seconds in enumerate(ROUND_TRIPS):
        taken = _timed(host, folder, seconds, times, turn * len(_OURS) * (times + 1))
        yield from _compared(f"{name}, {seconds * 1000:.0f} ms round trip", taken)


def _acknowledged() -> Iterator[Row]:
    """Use a stand-in: go-containerregistry has the API but does not acknowledge subjects."""
    behaviour = Behaviour(referrers_api=True, sends_oci_subject=True)
    with FakeRegistry(behaviour) as fake, tempfile.TemporaryDirectory() as folder:
        fake.hold(REPOSITORY, image(), "v0.0.0")
        fake.hold(REPOSITORY, image(b"1"), "v0.0.1")
        with opened(fake.host) as registry:
            promoted(registry, Path(folder), "v0.0.0", "dev")
        with counting(fake.host) as (proxied, count), opened(proxied) as registry:
            promoted(registry, Path(folder), "v0.0.1", "dev")
    yield from counted("registry that acknowledges subjects, promotion", count)


def _counted(name: str, host: str, folder: Path) -> Iterator[Row]:
    # The first promotion under a configuration also stores its policy.
    with opened(host) as registry:
        promoted(registry, folder, "v0.0.0", "dev")
    with counting(host) as (proxied, count), opened(proxied) as registry:
        promoted(registry, folder, "v0.0.1", "dev")
    yield from counted(f"{name}, promotion", count)
    for client, tag in taggers().items():
        with counting(host) as (proxied, count):
            tag(f"{proxied}/{REPOSITORY}", "v0.0.0", "counted")
        yield from counted(f"{name}, {client}", count)


def _timed(host: str, folder: Path, seconds: float, times: int, first: int) -> dict[str, float]:
    with ExitStack() as stack:
        # Without a delay, no proxy is needed.
        place = stack.enter_context(delaying(host, seconds)) if seconds else host
        floe = replace(Floe.on(f"oci://{place}/{REPOSITORY}", folder), fresh=True)
        registry = stack.enter_context(opened(place))
        local = stack.enter_context(engine_on(registry, folder, policy=_policy_of(floe)))
        engine = with_parts(local, background=True)

        # Both promote newer and newer versions, in turns.
        versions = (f"v1.{minor}.0" for minor in itertools.count(first))

        def serve(_: int) -> None:
            assert promote(engine, next(versions), "staging").error is None

        def command(_: int) -> None:
            done = floe.promote(next(versions), "staging")
            assert done.code == 0, done.out + done.err

        def tagging(tag: Client) -> Callable[[int], None]:
            return lambda number: tag(f"{place}/{REPOSITORY}", "v0.0.0", f"copy-{first}-{number}")

        others = {client: tagging(tag) for client, tag in taggers().items()}
        return medians({_SERVER: serve, _COMMAND: command, **others}, times)


def _on_a_layout(folder: Path, times: int) -> Iterator[Row]:
    root = folder / "registry"
    layout = LayoutRegistry.create(root)
    for number in range(2 * (times + 1)):
        oci_layout.write(root, image(str(number).encode()), f"v1.{number}.0-dev")
    floe = replace(Floe.on(f"oci-layout:{root}", folder), fresh=True)
    with engine_on(layout, folder, policy=_policy_of(floe)) as engine:
        versions = (f"v1.{minor}.0" for minor in itertools.count())

        def serve(_: int) -> None:
            assert promote(engine, next(versions), "staging").error is None

        def command(_: int) -> None:
            assert floe.promote(next(versions), "staging").code == 0

        others: dict[str, Callable[[int], None]] = {
            "skopeo copy": lambda number: skopeo_on_a_layout(root, "v1.0.0-dev", f"copy-{number}"),
            "oras tag": lambda number: oras_on_a_layout(root, "v1.0.0-dev", f"tag-{number}"),
        }
        if not (BIN / "oras").exists():
            del others["oras tag"]
        taken = medians({_SERVER: serve, _COMMAND: command, **others}, times)
    yield from _compared("layout directory", taken)


def _policy_of(floe: Floe) -> PolicyDocument:
    """The policy of the commands: with another one, each would first look for its own."""
    return load_config(floe.folder / "manifest.yaml", {}).policy


def _compared(name: str, taken: dict[str, float]) -> Iterator[Row]:
    for ours in _OURS:
        others = [each for each in taken if each not in _OURS]
        # The start of Python hides the differences between the others.
        for other in others if ours == _SERVER else others[:1]:
            yield beside(f"{name}, {ours}", taken[ours], other, taken[other])
