"""The referrers tag `sha256-<hex>`, which several tools write without the referrers API."""

import json
from collections.abc import Callable

import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import RegistryAnswerError
from engine.domain.manifest import IMAGE_INDEX, Descriptor, Manifest
from tests.builders import Artifact, descriptor
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry

Opened = Callable[..., DistributionRegistry]
REPOSITORY = "acme/platform"
SUBJECT = Digest.of(b"subject")
TAG = f"sha256-{SUBJECT.hex}"
OURS = Descriptor(
    media_type="application/vnd.oci.image.manifest.v1+json",
    digest=str(Digest.of(b"ours")),
    size=4,
    artifact_type="application/vnd.ours",
    annotations={"a": "ä"},
)


def test_entries_of_other_tools_stay_unchanged(fake: FakeRegistry, opened: Opened) -> None:
    foreign = descriptor(b"foreign", "application/x", data="Zm9yZWlnbg==", **{"x-new": {"y": [1]}})
    written = {
        "schemaVersion": 2,
        "mediaType": IMAGE_INDEX,
        "x-top": None,
        "manifests": [foreign],
        "annotations": {"kept": "yes"},
    }
    _hold_index(fake, written)

    opened(fake.host).attach(SUBJECT, OURS)

    entry = {
        "mediaType": OURS.media_type,
        "digest": OURS.digest,
        "size": 4,
        "artifactType": "application/vnd.ours",
        "annotations": {"a": "ä"},
    }
    assert _index(fake) == written | {"manifests": [foreign, entry]}


def test_an_entry_that_is_listed_already_is_not_written_again(
    fake: FakeRegistry, opened: Opened
) -> None:
    registry = opened(fake.host)
    registry.attach(SUBJECT, OURS)
    writes = len(fake.seen("PUT"))

    registry.attach(SUBJECT, OURS)

    assert len(fake.seen("PUT")) == writes == 1
    assert len(_index(fake)["manifests"]) == 1


def test_an_overwritten_entry_is_written_again(fake: FakeRegistry, opened: Opened) -> None:
    fake.script("PUT", TAG, Reply(201))

    opened(fake.host).attach(SUBJECT, OURS)

    assert [entry["digest"] for entry in _index(fake)["manifests"]] == [OURS.digest]
    assert len(fake.seen("PUT")) == 2


def test_entry_that_the_registry_loses_three_times_is_an_error(
    fake: FakeRegistry, opened: Opened
) -> None:
    fake.always("PUT", TAG, Reply(201))

    with pytest.raises(RegistryAnswerError, match="does not keep"):
        opened(fake.host).attach(SUBJECT, OURS)

    assert len(fake.seen("PUT")) == 3


def test_entries_with_an_unknown_type_are_kept(fake: FakeRegistry, opened: Opened) -> None:
    kinds = {
        "application/vnd.ours": True,
        "application/vnd.oci.image.config.v1+json": True,
        "application/vnd.oci.empty.v1+json": True,
        "application/vnd.docker.container.image.v1+json": True,
        None: True,
        "application/vnd.other": False,
    }
    entries = {
        kind: descriptor(repr(kind).encode(), "application/x")
        | ({"artifactType": kind} if kind else {})
        for kind in kinds
    }
    _hold_index(fake, {"schemaVersion": 2, "manifests": list(entries.values())})

    found = opened(fake.host).referrers(SUBJECT, "application/vnd.ours")

    kept = {entry.digest for entry in found}
    assert kept == {entries[kind]["digest"] for kind, expected in kinds.items() if expected}


def test_a_full_index_is_reported(fake: FakeRegistry, opened: Opened) -> None:
    filler = descriptor(
        b"x", "application/x", annotations={"filler": "x" * (4 * 1024 * 1024 - 400)}
    )
    _hold_index(fake, {"schemaVersion": 2, "manifests": [filler]})

    with pytest.raises(RegistryAnswerError, match="too large"):
        opened(fake.host).attach(SUBJECT, OURS)

    assert fake.seen("PUT") == []


def test_an_immutable_index_names_the_rule_to_change(fake: FakeRegistry, opened: Opened) -> None:
    _hold_index(fake, {"schemaVersion": 2, "manifests": []})
    fake.behaviour.immutable = Reply(412)

    with pytest.raises(RegistryAnswerError, match=r"exempt `sha256-\*`"):
        opened(fake.host).attach(SUBJECT, OURS)


def test_an_index_that_cannot_be_read_is_not_overwritten(
    fake: FakeRegistry, opened: Opened
) -> None:
    _hold_index(fake, {"schemaVersion": 2, "manifests": "none"})

    with pytest.raises(RegistryAnswerError, match="referrers index"):
        opened(fake.host).attach(SUBJECT, OURS)

    assert fake.seen("PUT") == []


def test_a_briefly_missing_index_is_not_replaced(fake: FakeRegistry, opened: Opened) -> None:
    foreign = descriptor(b"foreign", "application/x")
    _hold_index(fake, {"schemaVersion": 2, "manifests": [foreign]})
    registry = opened(fake.host)
    registry.referrers(SUBJECT)
    fake.script("GET", TAG, Reply(404))

    registry.attach(SUBJECT, OURS)

    assert [entry["digest"] for entry in _index(fake)["manifests"]] == [
        foreign["digest"],
        OURS.digest,
    ]


def _hold_index(fake: FakeRegistry, document: dict[str, object]) -> None:
    content = json.dumps(document, ensure_ascii=False).encode()
    fake.hold(REPOSITORY, Artifact(Manifest(content, IMAGE_INDEX)), TAG)


def _index(fake: FakeRegistry) -> dict[str, list[dict[str, object]]]:
    repository = fake.repository(REPOSITORY)
    content, _ = repository.manifests[repository.tags[Tag(TAG).name]]
    document: dict[str, list[dict[str, object]]] = json.loads(content)
    return document
