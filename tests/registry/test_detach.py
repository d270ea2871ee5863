"""Referrers are detached: from the index, and by deleting their manifests."""

from collections.abc import Callable

import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.artifact import Digest
from engine.domain.errors import RegistryError, RegistryUnavailableError
from engine.domain.manifest import Descriptor
from engine.ports import Registry
from tests.builders import Artifact, image, referrer
from tests.conftest import Place
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry, oci_error

SUBJECT = image(b"artifact")


def push_three(registry: Registry, push: Callable[[Artifact, str | None], None]) -> list[Digest]:
    """Attach three referrers to SUBJECT."""
    push(SUBJECT, "v1.0.0")
    digests = []
    for number in range(3):
        attached = referrer(SUBJECT.manifest, "application/x", annotations={"n": str(number)})
        push(attached, None)
        registry.attach(SUBJECT.manifest.digest, attached.manifest.descriptor)
        digests.append(attached.manifest.digest)
    return digests


def listed(registry: Registry) -> set[str]:
    found: tuple[Descriptor, ...] = registry.referrers(SUBJECT.manifest.digest)
    return {each.digest for each in found}


def test_detached_referrers_are_no_longer_listed_nor_stored(place: Place) -> None:
    first, second, third = push_three(place.registry, place.push)

    left = place.registry.detach(SUBJECT.manifest.digest, [first, third])
    again = place.registry.detach(SUBJECT.manifest.digest, [first, third])

    assert (left, again) == ((), ())
    assert listed(place.registry) == {str(second)}
    assert place.registry.fetch(first) is None
    assert place.registry.fetch(SUBJECT.manifest.digest) is not None


@pytest.mark.parametrize("status", [400, 401, 403, 405])
@pytest.mark.parametrize("api", [True, False])
def test_registry_that_deletes_nothing_keeps_only_what_its_api_lists(
    fake: FakeRegistry, opened: Callable[..., DistributionRegistry], status: int, api: bool
) -> None:
    fake.behaviour.referrers_api = fake.behaviour.sends_oci_subject = api
    registry = opened(fake.host)
    first, *others = push_three(
        registry, lambda artifact, tag: fake.hold("acme/platform", artifact, tag)
    )
    challenge = {"WWW_Authenticate": 'Basic realm="registry"'}
    fake.always("DELETE", "/manifests/", oci_error(status, "UNSUPPORTED", **challenge))

    left = registry.detach(SUBJECT.manifest.digest, [first])

    assert left == ((first,) if api else ())
    assert listed(registry) == {*map(str, others), *map(str, left)}


def test_failed_deletion_is_an_error(
    fake: FakeRegistry, opened: Callable[..., DistributionRegistry]
) -> None:
    registry = opened(fake.host)
    first, *_ = push_three(
        registry, lambda artifact, tag: fake.hold("acme/platform", artifact, tag)
    )
    fake.always("DELETE", "/manifests/", Reply(500))

    with pytest.raises(RegistryUnavailableError):
        registry.detach(SUBJECT.manifest.digest, [first])


def test_index_that_is_always_written_by_others_is_an_error(
    fake: FakeRegistry, opened: Callable[..., DistributionRegistry]
) -> None:
    registry = opened(fake.host)
    first, *_ = push_three(
        registry, lambda artifact, tag: fake.hold("acme/platform", artifact, tag)
    )
    # The index is accepted and not kept.
    digest = {"Docker-Content-Digest": ""}
    fake.always("PUT", "/manifests/sha256-", Reply(201, b"", digest))

    with pytest.raises(RegistryError):
        registry.detach(SUBJECT.manifest.digest, [first])
