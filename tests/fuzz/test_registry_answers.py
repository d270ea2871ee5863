"""Any manifest from a registry is promoted correctly, or refused in one sentence."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.adapters.registry.remote.auth.sources import anonymous
from engine.adapters.registry.remote.factory import open_registry
from engine.api import Engine
from engine.domain.errors import PromotionError
from engine.domain.manifest import IMAGE_INDEX, IMAGE_MANIFEST
from tests.builders import descriptor, image
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry
from tests.scenarios.engines import engine_on, promote

REPOSITORY = "acme/platform"
_DEEP = 100_000
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from([IMAGE_MANIFEST, IMAGE_INDEX, f"sha256:{'0' * 64}", "\x1b[2J", "sha256:"])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FIELDS = ["schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests"]
FIELDS += ["subject", "annotations"]
DOCUMENT = json.loads(image().manifest.content)
ALTERED = st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=4).map(
    lambda fields: json.dumps(DOCUMENT | fields).encode()
)
HOSTILE = {
    "deep lists": b"[" * _DEEP,
    "deep maps": b'{"a":' * _DEEP,
    "deep in a field": b'{"schemaVersion":2,"annotations":'
    + b'{"a":' * _DEEP
    + b"1"
    + b"}" * _DEEP,
    "giant number": b'{"schemaVersion":' + b"9" * 100_000 + b"}",
    "giant annotation": json.dumps(
        DOCUMENT | {"annotations": {"a": "x" * 3_000_000, "\x1b[2J": "\x00"}}
    ).encode(),
    "many annotations": json.dumps(
        DOCUMENT | {"annotations": {f"k{n}": "v" for n in range(100_000)}}
    ).encode(),
    "beyond the limit": b'{"schemaVersion":2}' + b" " * 5_000_000,
    "no text": bytes(range(256)),
    "lone surrogate": b'{"schemaVersion":2,"annotations":{"a":"\\ud800"}}',
    "negative size": json.dumps(
        DOCUMENT | {"layers": [descriptor(b"x", "y") | {"size": -1}]}
    ).encode(),
    "nothing": b"",
}
Served = tuple[FakeRegistry, Engine]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A registry with v1.0.0 in staging and v2.0.0 in dev, and an engine on it."""
    with FakeRegistry() as fake, tempfile.TemporaryDirectory() as folder:
        registry = open_registry(
            fake.host, REPOSITORY, credentials=anonymous, scheme="http", timeout_seconds=30
        )
        fake.hold(REPOSITORY, image(), "v1.0.0-dev")
        fake.hold(REPOSITORY, image(b"new"), "v2.0.0-dev")
        with engine_on(registry, Path(folder)) as engine:
            assert promote(engine, "v1.0.0", "staging").error is None
            yield fake, engine
        registry.close()


def assert_harmless(served: Served, tag: str, reply: Reply) -> None:
    """
    Assert that promoting `reply` under `tag` succeeds or fails clearly, without partial effect.
    """
    fake, engine = served
    repository = fake.repository(REPOSITORY)
    before = dict(repository.tags)
    fake.always("GET", f"/manifests/{tag}$", reply)
    fake.always("HEAD", f"/manifests/{tag}$", Reply(reply.status, b"", reply.headers))
    try:
        error = promote(engine, "v2.0.0", "staging").error
    except PromotionError as raised:
        error = raised
    finally:
        fake.forget_scripts()
    if error is None:
        assert repository.tags["latest-staging"] == repository.tags["v2.0.0-staging"]
        fake.repository(REPOSITORY).tags.clear()
        fake.repository(REPOSITORY).tags.update(before)
        return
    assert_fit_to_show(error)
    assert repository.tags == before


def assert_fit_to_show(error: PromotionError) -> None:
    text = str(error)
    assert text.isprintable(), repr(text)
    assert 10 < len(text) < 2_000


def typed(content: bytes, media_type: str = IMAGE_MANIFEST, **headers: str) -> Reply:
    return Reply(200, content, {"Content-Type": media_type, **headers})


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("tag", ["v2.0.0-dev", "floe-head.staging"])
def test_hostile_manifest_is_refused_in_one_sentence(served: Served, name: str, tag: str) -> None:
    assert_harmless(served, tag, typed(HOSTILE[name]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(content=ALTERED | ANYTHING.map(lambda v: json.dumps(v).encode()) | st.binary(max_size=40))
@pytest.mark.parametrize("tag", ["v2.0.0-dev", "floe-head.staging"])
def test_any_manifest_is_promoted_or_refused_in_one_sentence(
    served: Served, tag: str, content: bytes
) -> None:
    assert_harmless(served, tag, typed(content))


@settings(max_examples=40, deadline=None)
@given(
    status=st.sampled_from([200, 201, 204, 206, 299, 300, 304, 400, 404, 410, 418, 451, 501, 599]),
    body=st.binary(max_size=60) | ANYTHING.map(lambda v: json.dumps({"errors": v}).encode()),
    media_type=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
)
def test_any_status_and_error_is_answered_in_one_sentence(
    served: Served, status: int, body: bytes, media_type: str
) -> None:
    content = b"" if status in (204, 304) else body

    assert_harmless(served, "v2.0.0-dev", Reply(status, content, {"Content-Type": media_type}))


def test_compressed_body_is_never_unpacked(served: Served) -> None:
    packed: dict[str, Any] = {"Content-Encoding": "gzip"}

    assert_harmless(served, "v2.0.0-dev", typed(b"\x1f\x8b" + bytes(1000), **packed))
