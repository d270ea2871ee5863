"""The contract of audit backends, run against each of them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.domain.errors import AuditUnavailableError
from engine.ports.audit_backend import AuditBackendPlugin
from tests.audit.audit_kit import KINDS, PLUGINS, at_minute, backend_of, moto_server
from tests.domain.records import a_promotion, a_rollback, one_of_each

pytestmark = pytest.mark.requirement("FR-025")


@pytest.fixture(scope="module")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moto_server(tmp_path_factory.mktemp("moto")) as endpoint:
        yield endpoint


@pytest.fixture(params=KINDS)
def backend(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AuditBackendPlugin]:
    monkeypatch.syspath_prepend(PLUGINS / "lines")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "floe")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    endpoint = request.getfixturevalue("s3_endpoint") if request.param == "s3" else ""
    opened = backend_of(request.param, tmp_path, endpoint)
    yield opened
    opened.close()


@pytest.fixture(params=[kind for kind in KINDS if kind != "plugin"])
def own_backend(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AuditBackendPlugin:
    """The built-in backends."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "floe")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    endpoint = request.getfixturevalue("s3_endpoint") if request.param == "s3" else ""
    return backend_of(request.param, tmp_path, endpoint)


@pytest.mark.requirement("FR-025b", "FR-025c")
def test_history_is_sorted_by_record_time_newest_first(backend: AuditBackendPlugin) -> None:
    records = [at_minute(minute) for minute in (30, 10, 40, 20)]

    for record in records:
        backend.append(record)

    wanted = sorted(records, key=lambda record: record.at, reverse=True)
    assert backend.query_history("prod", 10) == wanted
    assert backend.query_history("prod", 2) == wanted[:2]


def test_records_yields_every_record_of_the_environment(backend: AuditBackendPlugin) -> None:
    records = [at_minute(minute) for minute in (3, 1, 2)]
    for record in (*records, at_minute(9, target_environment="staging")):
        backend.append(record)

    found = list(backend.records("prod"))

    assert sorted(found, key=lambda r: r.at) == sorted(records, key=lambda r: r.at)
    assert list(backend.records("dev")) == []


def test_every_kind_of_record_is_read_back_unchanged(backend: AuditBackendPlugin) -> None:
    records = one_of_each()

    for number, record in enumerate(records):
        # The sample records share one id; here each needs its own.
        field = f"{record.kind}_id"
        changed = {field: f"12345678-1234-4234-8234-{number:012}"}
        backend.append(type(record).model_validate(record.model_dump() | changed))

    found = backend.query_history("prod", len(records))
    assert {record.kind for record in found} == {record.kind for record in records}
    assert len(found) == len(records)


def test_appending_a_record_twice_stores_it_once(backend: AuditBackendPlugin) -> None:
    record = at_minute(0)

    backend.append(record)
    backend.append(record)

    assert backend.query_history("prod", 10) == [record]


def test_promotions_and_rollbacks_have_own_methods(backend: AuditBackendPlugin) -> None:
    rollback = a_rollback(rolled_back_at=at_minute(5).at)

    backend.store_promotion(at_minute(0))
    backend.store_rollback(rollback)

    assert backend.query_history("prod", 1) == [rollback]


def test_environments_are_separate(backend: AuditBackendPlugin) -> None:
    for environment in ("prod", "prod-eu", "pre-prod"):
        backend.append(at_minute(0, target_environment=environment))

    assert [record.ledger for record in backend.query_history("prod", 10)] == ["prod"]
    assert backend.query_history("staging", 10) == []


@pytest.mark.requirement("FR-026")
def test_a_record_with_other_content_does_not_replace_the_first(
    own_backend: AuditBackendPlugin,
) -> None:
    first = a_promotion()
    own_backend.append(first)

    with pytest.raises(
        AuditUnavailableError, match="other content, and records are never overwritten"
    ):
        own_backend.append(a_promotion(operator="mallory@acme.com"))

    assert own_backend.query_history("prod", 10) == [first]


@pytest.mark.requirement("FR-026")
def test_concurrent_writers_of_one_id_with_different_content_only_one_succeeds(
    own_backend: AuditBackendPlugin,
) -> None:
    records = [a_promotion(version=f"v1.0.{number}") for number in range(8)]

    with ThreadPoolExecutor(8) as pool:
        errors = [pool.submit(own_backend.append, record).exception for record in records]
        outcomes = [error(60) for error in errors]

    assert [type(error) for error in outcomes if error] == [AuditUnavailableError] * 7
    kept = [record for record, error in zip(records, outcomes, strict=True) if not error]
    assert own_backend.query_history("prod", 10) == kept


def test_wrong_clocks_hide_no_record(own_backend: AuditBackendPlugin) -> None:
    now = datetime.now(UTC)
    times = [now + timedelta(days=400), now, now - timedelta(hours=5), now - timedelta(days=4000)]
    records = [at_minute(0, promoted_at=at) for at in [*times, datetime(1999, 1, 1, tzinfo=UTC)]]

    for record in reversed(records):
        own_backend.append(record)

    assert own_backend.query_history("prod", 10) == records
    assert own_backend.query_history("prod", 3) == records[:3]
