"""The section `state`: a directory, or a database whose password is not in the file."""

from pathlib import Path

import pytest

from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.state.database_leases import DatabaseLeases
from engine.bootstrap import open_platform
from engine.bootstrap.server import entry_reconciler
from engine.bootstrap.state import changes_database, wakeups_of
from engine.domain.errors import ConfigError
from engine.execution.entry_reconciler import ImpatientLeases
from tests.config.manifest_files import load, manifest, refused
from tests.scenarios.engines import engine_on

URL = "postgresql://floe:s3cret@db.example.com/floe"


def test_state_is_in_files_unless_a_database_is_named(tmp_path: Path) -> None:
    config = load(tmp_path, manifest())

    assert (config.state_url, config.state_schema) == (None, "floe")
    assert changes_database(config).directory == tmp_path / ".floe"


def test_url_is_read_from_a_variable_a_file_or_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"{URL}\n")
    from_variable = load(tmp_path, manifest(rest="state: {url: env:STATE_URL}"), STATE_URL=URL)
    from_file = load(tmp_path, manifest(rest="state: {url: file:url}"))
    filled = load(
        tmp_path,
        manifest(rest='state: {url: "postgresql://floe:${PASSWORD}@db.example.com/floe"}'),
        PASSWORD="s3cret",
    )
    plain = load(tmp_path, manifest(rest="state: {url: postgresql://db/floe, schema: shop_2}"))

    found = [config.state_url for config in (from_variable, from_file, filled)]
    assert [url and url.get_secret_value() for url in found] == [URL] * 3
    assert plain.state_schema == "shop_2"
    assert "s3cret" not in repr(from_variable)


def test_unset_variable_is_an_error_of_commands_that_need_it(tmp_path: Path) -> None:
    config = load(tmp_path, manifest(rest="state: {url: env:STATE_URL}"))

    with pytest.raises(ConfigError, match="STATE_URL is not set"):
        config.require("state")
    with pytest.raises(ConfigError, match="STATE_URL is not set"):
        changes_database(config)


def test_only_a_server_needs_the_direct_address(tmp_path: Path) -> None:
    state = "state: {url: postgresql://pooler/floe, listen_url: env:LISTEN_URL}"
    unset = load(tmp_path, manifest(rest=state))
    given = load(tmp_path, manifest(rest=state), LISTEN_URL=URL)

    assert wakeups_of(unset).pause(0.5) == 0.5
    assert [str(problem) for problem in unset.unset("state.url")] == []
    assert len(unset.unset_variables) == 1
    assert given.state_listen_url is not None
    assert given.state_listen_url.get_secret_value() == URL


def test_background_of_a_server_waits_only_for_the_referrers_index(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="an extra: pip install '.[postgres]'")
    config = load(tmp_path, manifest(rest="state: {url: postgresql://db/floe}"))
    layout = LayoutRegistry.create(tmp_path / "registry")
    with engine_on(layout, tmp_path) as engine, open_platform(config, engine) as platform:
        reconciler = entry_reconciler(platform)

        assert reconciler is not None
        leases = reconciler.runner.leases
        assert isinstance(leases, ImpatientLeases)
        assert leases.waiting is engine.runner.leases
        assert isinstance(leases.at_once, DatabaseLeases)
        assert leases.at_once.wait_seconds == 0


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        (f'{{url: "{URL}"}}', "has its password in the file"),
        (f'{{url: "postgresql://db/floe", listen_url: "{URL}"}}', "has its password in the file"),
        ('{url: "postgresql://db/floe?password=s3cret"}', "has its password in the file"),
        ("{url: mysql://db/floe}", "must be postgresql://"),
        ("{url: 'postgresql://[s3cret/floe'}", "must be postgresql://"),
        (
            '{url: "postgresql://floe:s3cret@${STATE_HOST}/floe"}',
            "has its password in the file",
        ),
        ("{url: 5}", "must be text"),
        ("{url: file:missing}", "cannot be read"),
        ("{schema: Floe}", "must be lower case letters"),
        ("{schema: pg_floe}", "not begin with pg_"),
        ("{schema: 'a\"; DROP'}", "must be lower case letters"),
    ],
)
def test_unusable_state_is_refused_without_its_secrets(
    tmp_path: Path, state: str, problem: str
) -> None:
    error = refused(tmp_path, manifest(rest=f"state: {state}"))

    assert problem in str(error)
    assert "s3cret" not in str(error)


@pytest.mark.parametrize("password", ["pa/s3cret", "p@s3cret", "1/s@s3cret", "p@1/s3cret"])
def test_password_that_would_end_too_early_is_refused(tmp_path: Path, password: str) -> None:
    url = f"postgresql://floe:{password}@db.example.com:5432/floe"

    error = refused(tmp_path, manifest(rest="state: {url: env:STATE_URL}"), STATE_URL=url)

    assert "percent-encode" in str(error)
    assert "s3cret" not in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///floe",
        "postgresql://floe:p%40s%2F@[::1]:5432/floe",
        "postgresql://floe:pa:s?s#@one:5432,two/floe?application_name=a@b",
        "postgres://db?sslmode=verify-full",
        "postgresql://%2Frun%2Fpostgresql/floe",
    ],
)
def test_url_of_libpq_is_accepted(tmp_path: Path, url: str) -> None:
    config = load(tmp_path, manifest(rest="state: {url: env:STATE_URL}"), STATE_URL=url)

    assert config.state_url is not None
    assert config.state_url.get_secret_value() == url


@pytest.mark.parametrize("name", ["store.db", "bot.db", "outbox.db"])
def test_files_beside_a_database_are_refused(tmp_path: Path, name: str) -> None:
    config = load(tmp_path, manifest(rest="state: {url: postgresql://db/floe}"))
    (tmp_path / ".floe").mkdir()
    (tmp_path / ".floe" / name).touch()

    with pytest.raises(ConfigError) as mixed:
        changes_database(config)

    assert str(mixed.value) == (
        f"state.url is set, and {tmp_path}/.floe/{name} has state too: let the changes in it end "
        "and move the file away, or remove state.url"
    )
