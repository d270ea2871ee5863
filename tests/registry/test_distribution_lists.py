"""Lists of tags and referrers: pagination, filters and invalid answers."""

import json
from collections.abc import Callable
from contextlib import suppress

import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import RegistryAnswerError, RegistryError
from engine.domain.manifest import IMAGE_INDEX, Descriptor
from tests.builders import Artifact, image, index, referrer
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry, oci_error

Opened = Callable[..., DistributionRegistry]
REPOSITORY = "acme/platform"
LIST = "/tags/list"
JSON = {"Content-Type": "application/json"}


def test_all_pages_of_tags_are_read(fake: FakeRegistry, opened: Opened) -> None:
    names = [f"v1.0.{number}" for number in range(7)]
    for name in names:
        fake.hold(REPOSITORY, image(), name)
    fake.behaviour.page_size = 2

    tags = opened(fake.host).tags()

    assert sorted(tag.name for tag in tags) == names
    assert len(fake.requests) == 4


PAGE_REFUSALS = [
    oci_error(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested"),
    oci_error(416, "UNSUPPORTED"),
    Reply(422, b"n is too large", {"Content-Type": "text/plain"}),
]


@pytest.mark.parametrize("refusal", PAGE_REFUSALS)
@pytest.mark.parametrize(("max_page", "refuses_n"), [(100, False), (3, False), (None, True)])
def test_a_smaller_page_size_is_used_when_a_large_one_is_refused(
    fake: FakeRegistry, opened: Opened, refusal: Reply, max_page: int | None, refuses_n: bool
) -> None:
    names = [f"v1.0.{number:03}" for number in range(120)]
    artifact = image()
    for name in names:
        fake.hold(REPOSITORY, artifact, name)
    fake.behaviour.max_page, fake.behaviour.refuses_n = max_page, refuses_n
    fake.behaviour.page_refusal = refusal

    tags = opened(fake.host).tags()

    assert [tag.name for tag in tags] == names


def test_an_accepted_page_size_is_remembered(fake: FakeRegistry, opened: Opened) -> None:
    fake.behaviour.max_page = 100
    registry = opened(fake.host)

    registry.tags()
    registry.tags()

    assert [request.query for request in fake.requests] == ["n=1000", "n=100", "n=100"]


def test_a_list_that_is_refused_at_every_size_is_an_error(
    fake: FakeRegistry, opened: Opened
) -> None:
    fake.always("GET", LIST, oci_error(400, "UNSUPPORTED", "tags cannot be listed"))
    registry = opened(fake.host)

    with pytest.raises(RegistryAnswerError, match="tags cannot be listed"):
        registry.tags()

    assert [request.query for request in fake.requests] == ["n=1000", "n=100", ""]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_denied_or_absent_list_is_requested_once(
    fake: FakeRegistry, opened: Opened, status: int
) -> None:
    fake.always("GET", LIST, oci_error(status, "DENIED"))

    with suppress(RegistryError):
        opened(fake.host).tags()

    assert len(fake.requests) == 1


def test_an_absolute_link_to_the_same_registry_is_followed(
    fake: FakeRegistry, opened: Opened
) -> None:
    link = f'<http://{fake.host}/v2/{REPOSITORY}/tags/list?last=b>; rel="next"'
    first = Reply(200, b'{"tags": ["a", "b"]}', {**JSON, "Link": link})
    fake.script("GET", LIST, first, Reply(200, b'{"tags": ["b", "c"]}', JSON))

    assert opened(fake.host).tags() == (Tag("a"), Tag("b"), Tag("c"))


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        ('<?last=a>; rel="next"', "loop"),
        ('<http://127.0.0.1:1/v2/x/tags/list>; rel="next"', "another host"),
    ],
)
def test_looping_or_foreign_pages_are_rejected(
    fake: FakeRegistry, opened: Opened, link: str, fault: str
) -> None:
    fake.always("GET", LIST, Reply(200, b'{"tags": ["a"]}', {**JSON, "Link": link}))

    with pytest.raises(RegistryAnswerError, match=fault):
        opened(fake.host).tags()


def test_list_without_its_last_page_is_an_error(fake: FakeRegistry, opened: Opened) -> None:
    first = Reply(200, b'{"tags": ["a"]}', {**JSON, "Link": '<?last=a>; rel="next"'})
    fake.script("GET", LIST, first, oci_error(404, "NAME_UNKNOWN"))

    with pytest.raises(RegistryAnswerError):
        opened(fake.host).tags()


@pytest.mark.parametrize(
    "reply",
    [Reply(200, b'{"tags": null}'), Reply(200, b"{}"), oci_error(404, "NAME_UNKNOWN")],
)
def test_all_forms_of_an_empty_tag_list_are_accepted(
    fake: FakeRegistry, opened: Opened, reply: Reply
) -> None:
    fake.always("GET", LIST, reply)

    assert opened(fake.host).tags() == ()


@pytest.mark.parametrize("body", [b"<html>", b'{"tags": "v1"}', b'{"tags": [1]}', b"[]", b""])
def test_an_answer_that_is_not_a_tag_list_is_rejected(
    fake: FakeRegistry, opened: Opened, body: bytes
) -> None:
    fake.always("GET", LIST, Reply(200, body))

    with pytest.raises(RegistryAnswerError, match="with a list of tags"):
        opened(fake.host).tags()


def test_an_invalid_tag_name_is_ignored_with_a_warning(
    fake: FakeRegistry, opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    fake.always("GET", LIST, Reply(200, json.dumps({"tags": ["v1", "bad\x1b tag"]}).encode()))

    assert opened(fake.host).tags() == (Tag("v1"),)
    assert r"bad\x1b tag" in caplog.text


@pytest.mark.parametrize("filters", [True, False])
def test_the_referrers_api_is_used_if_it_exists(
    fake: FakeRegistry, opened: Opened, filters: bool
) -> None:
    fake.behaviour.referrers_api = True
    fake.behaviour.filters_referrers = filters
    subject, ours, _ = _hold_two_referrers(fake)

    found = opened(fake.host).referrers(subject.manifest.digest, "application/vnd.ours")

    assert _digests(found) == [str(ours.manifest.digest)]
    assert len(fake.requests) == 1


def test_attach_writes_nothing_with_the_api(fake: FakeRegistry, opened: Opened) -> None:
    fake.behaviour.referrers_api = True
    subject, ours, _ = _hold_two_referrers(fake)
    registry = opened(fake.host)

    registry.attach(subject.manifest.digest, ours.manifest.descriptor)
    registry.attach(subject.manifest.digest, ours.manifest.descriptor)

    assert [str(request.method) for request in fake.requests] == ["GET"]


def test_oci_subject_does_not_prove_the_api(fake: FakeRegistry, opened: Opened) -> None:
    fake.behaviour.sends_oci_subject = True
    subject = image()
    fake.hold(REPOSITORY, subject, "v1.0.0")
    ours = referrer(subject.manifest, "application/vnd.ours")
    registry = opened(fake.host)
    registry.put(ours.manifest)

    registry.attach(subject.manifest.digest, ours.manifest.descriptor)

    assert _digests(registry.referrers(subject.manifest.digest)) == [str(ours.manifest.digest)]
    assert f"sha256-{subject.manifest.digest.hex}" in fake.repository(REPOSITORY).tags


def test_a_missing_api_is_requested_only_once(fake: FakeRegistry, opened: Opened) -> None:
    registry = opened(fake.host)

    for number in range(3):
        registry.referrers(Digest.of(bytes(number)))

    assert len(fake.seen("GET", "/referrers/")) == 1


def test_an_unknown_repository_does_not_disprove_the_api(
    fake: FakeRegistry, opened: Opened
) -> None:
    fake.behaviour.referrers_api = True
    subject, ours, _ = _hold_two_referrers(fake)
    fake.script("GET", "/referrers/", oci_error(404, "NAME_UNKNOWN"))
    registry = opened(fake.host)

    before = registry.referrers(Digest.of(b"whatever"))
    after = registry.referrers(subject.manifest.digest, "application/vnd.ours")

    assert before == ()
    assert _digests(after) == [str(ours.manifest.digest)]


def test_web_page_is_not_accepted_as_the_api(fake: FakeRegistry, opened: Opened) -> None:
    fake.always("GET", "/referrers/", Reply(200, b"<html>", {"Content-Type": "text/html"}))

    assert opened(fake.host).referrers(Digest.of(b"x")) == ()


@pytest.mark.parametrize("body", [b"<html>", b'{"schemaVersion": 2, "manifests": [1]}'])
def test_an_index_of_referrers_that_cannot_be_read_is_an_error(
    fake: FakeRegistry, opened: Opened, body: bytes
) -> None:
    fake.always("GET", "/referrers/", Reply(200, body, {"Content-Type": IMAGE_INDEX}))

    with pytest.raises(RegistryAnswerError, match="referrers index"):
        opened(fake.host).referrers(Digest.of(b"x"))


@pytest.mark.parametrize("subject", [image(b"x"), index(image(b"x"))], ids=["image", "index"])
def test_the_subject_itself_is_not_taken_for_an_index(
    fake: FakeRegistry, opened: Opened, subject: Artifact
) -> None:
    fake.behaviour.resolves_hex_tags = True
    fake.hold(REPOSITORY, subject, "v1.0.0")
    ours = referrer(subject.manifest, "application/vnd.ours")
    registry = opened(fake.host)

    before = registry.referrers(subject.manifest.digest)
    registry.attach(subject.manifest.digest, ours.manifest.descriptor)

    assert before == ()
    assert _digests(registry.referrers(subject.manifest.digest)) == [str(ours.manifest.digest)]
    assert registry.fetch(Tag("v1.0.0")) == subject.manifest


def _hold_two_referrers(fake: FakeRegistry) -> tuple[Artifact, Artifact, Artifact]:
    subject = image()
    ours = referrer(subject.manifest, "application/vnd.ours")
    other = referrer(subject.manifest, "application/vnd.other")
    for artifact in (subject, ours, other):
        fake.hold(REPOSITORY, artifact)
    return subject, ours, other


def _digests(found: tuple[Descriptor, ...]) -> list[str]:
    return [entry.digest for entry in found]
