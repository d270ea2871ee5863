"""Error messages of a registry: with details, without secrets."""

from collections.abc import Callable

import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.domain.artifact import Tag
from engine.domain.errors import RegistryAnswerError, RegistryError
from tests.builders import image
from tests.peers.fake_http import Reply
from tests.peers.fake_registry import FakeRegistry, oci_error

Opened = Callable[..., DistributionRegistry]
V1 = Tag("v1.0.0")
LIST = "/tags/list"


@pytest.mark.parametrize(
    ("detail", "shown"),
    [
        ("Repository does not allow updating assets", "Repository does not allow updating assets"),
        ({"reason": "quota exceeded", "limit": 5}, '{"reason": "quota exceeded", "limit": 5}'),
        ([{"Tag": "v1.0.0"}], '[{"Tag": "v1.0.0"}]'),
        (17, "17"),
    ],
)
def test_an_error_shows_its_detail(
    fake: FakeRegistry, opened: Opened, detail: object, shown: str
) -> None:
    fake.always("PUT", "/manifests/", oci_error(400, "UNKNOWN", "unknown error", detail=detail))

    with pytest.raises(RegistryAnswerError) as caught:
        opened(fake.host).put(image().manifest, V1)

    assert f"(400, UNKNOWN: unknown error ({shown}))" in str(caught.value)
    assert "TLS" not in str(caught.value)


@pytest.mark.parametrize("detail", [None, "", {}, [], "unknown error", True])
def test_a_detail_that_adds_nothing_is_left_out(
    fake: FakeRegistry, opened: Opened, detail: object
) -> None:
    fake.always("PUT", "/manifests/", oci_error(400, "UNKNOWN", "unknown error", detail=detail))

    with pytest.raises(RegistryAnswerError, match=r"\(400, UNKNOWN: unknown error\)"):
        opened(fake.host).put(image().manifest, V1)


def test_a_detail_is_truncated_and_printable(fake: FakeRegistry, opened: Opened) -> None:
    detail = {"text": "\x1b[31m\u202e" + "x" * 50_000}
    fake.always("PUT", "/manifests/", oci_error(400, "UNKNOWN", detail=detail))

    with pytest.raises(RegistryAnswerError) as caught:
        opened(fake.host).put(image().manifest, V1)

    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "detail",
    [
        "GET https://robot:S3CRET@storage.example.com/x failed",
        "see https://storage.example.com/x?X-Amz-Signature=S3CRET",
        "Authorization: Bearer S3CRET was not accepted",
        {"headers": {"authorization": "Basic S3CRET"}},
        {"Authorization": ["S3CRET"], "password": "S3CRET", "access_token": {"value": "S3CRET"}},
        ["token=S3CRET&x=1", 'password: "S3CRET"'],
    ],
)
@pytest.mark.parametrize("status", [400, 401, 403, 503])
def test_a_detail_shows_no_secret(
    fake: FakeRegistry, opened: Opened, detail: object, status: int
) -> None:
    message = detail if isinstance(detail, str) else ""
    refusal = oci_error(
        status, "UNKNOWN", message, detail=detail, WWW_Authenticate='Basic realm="x"'
    )
    fake.always("PUT", "/manifests/", refusal)

    with pytest.raises(RegistryError) as caught:
        opened(fake.host).put(image().manifest, V1)

    assert "S3CRET" not in str(caught.value)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_registry_is_quoted(fake: FakeRegistry, opened: Opened, status: int) -> None:
    fake.always("HEAD", "/manifests/", Reply(status))
    fake.always("GET", LIST, oci_error(status, "X", "read only until 18:00", detail="see #ops"))

    with pytest.raises(RegistryError, match=r"read only until 18:00 \(see #ops\)"):
        opened(fake.host).tags()
