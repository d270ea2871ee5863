"""Options of an object store, and the checksum for buckets with Object Lock."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest
from obstore.exceptions import BaseError, UnknownConfigurationKeyError
from obstore.store import from_url

from engine.adapters.audit import open_backend
from engine.adapters.audit.object_options import CLIENT_OPTIONS, STORE_OPTIONS
from engine.domain.errors import AuditUnavailableError, ConfigError
from engine.ports.audit_backend import AuditBackendPlugin, AuditSettings
from tests.domain.records import a_promotion
from tests.peers.fake_http import FakeServer, Reply, Request

pytestmark = pytest.mark.requirement("FR-025b")
CHECKSUM = "x-amz-checksum-sha256"
# The exact response of S3.
NO_CHECKSUM = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>InvalidRequest</Code><Message>'
    "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object "
    "Lock parameters</Message><RequestId>1</RequestId></Error>"
)


class LockedBucket(FakeServer):
    """An S3 bucket with Object Lock: a PUT needs a checksum of its body."""

    def respond(self, request: Request) -> Reply:
        digest = base64.b64encode(hashlib.sha256(request.body).digest()).decode()
        if request.method == "PUT" and request.headers.get(CHECKSUM) != digest:
            return Reply(400, NO_CHECKSUM.encode(), {"Content-Type": "application/xml"})
        return Reply(200, headers={"ETag": '"1"'})


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "floe")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")


def opened(options: dict[str, Any], url: str = "s3://bucket/audit") -> AuditBackendPlugin:
    return open_backend("s3", AuditSettings(Path(), options, url=url))


def test_a_bucket_with_object_lock_accepts_a_record() -> None:
    with LockedBucket() as bucket:
        opened({"endpoint": f"http://{bucket.host}"}).append(a_promotion())

        [sent] = bucket.seen("PUT")

    assert sent.body == a_promotion().to_bytes()
    assert CHECKSUM in sent.headers


@pytest.mark.parametrize("name", ["checksum_algorithm", "AWS_CHECKSUM_ALGORITHM"])
def test_the_checksum_can_be_turned_off(name: str) -> None:
    with LockedBucket() as bucket:
        backend = opened({"endpoint": f"http://{bucket.host}", name: "none"})

        with pytest.raises(AuditUnavailableError):
            backend.append(a_promotion())

        [sent] = bucket.seen("PUT")

    assert CHECKSUM not in sent.headers


def test_the_error_shows_the_reason_of_the_store() -> None:
    with LockedBucket() as bucket:
        backend = opened({"endpoint": f"http://{bucket.host}", "checksum_algorithm": "none"})

        with pytest.raises(AuditUnavailableError) as caught:
            backend.append(a_promotion())

    assert "InvalidRequest: Content-MD5 OR x-amz-checksum- HTTP header is required" in str(
        caught.value
    )
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "options",
    [
        {"allow_http": True, "timeout": "20s", "region": "us-east-1"},
        {"allow_http": "true", "timeout": 20, "connect_timeout": "3"},
        {"AWS_ALLOW_HTTP": "true", "aws_timeout": 2.5, "AWS_REGION": "us-east-1"},
        {"virtual_hosted_style_request": False, "skip_signature": "false"},
        {"default_headers": {"X-Team": "7"}},
    ],
)
def test_options_as_written_in_minio_guides_work(options: dict[str, Any]) -> None:
    with LockedBucket() as bucket:
        opened({"endpoint": f"http://{bucket.host}", **options}).append(a_promotion())

        assert len(bucket.seen("PUT")) == 1


@pytest.mark.parametrize("name", ["AWS_ENDPOINT", "AWS_ENDPOINT_URL"])
def test_an_endpoint_of_the_environment_may_be_plain_http(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with LockedBucket() as bucket:
        monkeypatch.setenv(name, f"http://{bucket.host}")
        opened({"region": "us-east-1"}).append(a_promotion())

        assert len(bucket.seen("PUT")) == 1


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("s3://b", {"endpont": "x"}, "options.endpont: s3:// has no such option: did you mean end"),
        ("s3://b", {"alow_http": True}, "did you mean allow_http?"),
        ("s3://b", {"access_key": "x"}, "did you mean access_key_id?"),
        ("gs://b", {"region": "eu"}, "gs:// has no such option"),
        ("az://b", {"account": "x", "account_name": "x"}, "did you mean account_"),
        ("s3://b", {"region": None}, "options.region: use text, a number, true or false"),
        ("s3://b", {"timeout": ["1s"]}, "options.timeout: use text, a number, true or false"),
        ("s3://b", {"default_headers": {"a": {}}}, "options.default_headers.a: use text"),
        ("s3://b", {"timeout": "soon"}, "soon"),
        ("s3://b", {"checksum_algorithm": "CRC"}, "CRC"),
        ("s3://b", {"bad\nname": "x"}, r"options.bad\nname"),
    ],
)
def test_an_invalid_option_is_named(url: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        opened(options, url)

    assert said in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("scheme", STORE_OPTIONS)
def test_every_suggested_option_is_valid(scheme: str) -> None:
    for name in STORE_OPTIONS[scheme]:
        try:
            from_url(f"{scheme}://b", config={name: "x"})  # type: ignore[call-overload]  # any name
        except UnknownConfigurationKeyError:
            pytest.fail(name)
        except BaseError:
            # A known option that does not accept "x".
            continue


@pytest.mark.parametrize("name", CLIENT_OPTIONS)
def test_every_client_option_is_valid(name: str) -> None:
    try:
        opened({name: "1"})
    except ConfigError as error:
        assert "has no such option" not in str(error)
        assert "Invalid key" not in str(error)


class PanicException(BaseException):
    """The exception that a Rust panic raises."""


@pytest.mark.parametrize("error", [PanicException, RuntimeError, SystemExit])
def test_a_backend_that_cannot_be_opened_is_named(
    monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def factory(settings: AuditSettings) -> AuditBackendPlugin:
        raise error("Bearer hunter2 is no option")

    monkeypatch.setattr("engine.adapters.audit.objects.open_objects", factory)

    with pytest.raises(ConfigError) as caught:
        opened({})

    assert f"audit backend s3 cannot be opened ({error.__name__}" in str(caught.value)
    assert "hunter2" not in str(caught.value)
