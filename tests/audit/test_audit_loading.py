"""Opening audit backends by name: built-in ones, plugins and faulty plugins."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.adapters.audit import open_backend
from engine.domain.errors import AuditUnavailableError, ConfigError
from engine.domain.record import AnyRecord
from engine.ports.audit_backend import AuditBackendPlugin, AuditSettings
from tests.audit.audit_kit import PLUGINS
from tests.domain.records import a_promotion

pytestmark = pytest.mark.requirement("FR-025")


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(PLUGINS / "broken")
    monkeypatch.syspath_prepend(PLUGINS / "lines")


def test_a_plugin_is_found_by_the_entry_point_of_its_distribution(tmp_path: Path) -> None:
    record = a_promotion()

    backend = open_backend("lines", AuditSettings(tmp_path, {"file": "audit.jsonl"}))
    backend.append(record)

    assert (tmp_path / "audit.jsonl").read_bytes() == record.to_bytes() + b"\n"


@pytest.mark.requirement("FR-025")
def test_an_unknown_backend_error_lists_the_installed_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        open_backend("s4", AuditSettings(tmp_path))

    assert "audit backend s4 not found" in str(caught.value)
    assert "oci, database, s3, broken, keeps-nothing, lines, not-a-backend" in str(caught.value)


def test_a_plugin_cannot_replace_a_built_in_backend(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/objects"

    backend = open_backend("s3", AuditSettings(tmp_path, url=url))
    backend.append(a_promotion())

    assert list((tmp_path / "objects/prod").iterdir())


def test_a_plugin_that_cannot_be_imported_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="broken cannot be loaded from floe_audit_gone:Backend"):
        open_backend("broken", AuditSettings(tmp_path))


def test_an_entry_point_that_returns_no_backend_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError,
        match="'not-a-backend' of floe.audit_backends is not an AuditBackendPlugin",
    ):
        open_backend("not-a-backend", AuditSettings(tmp_path))


def test_an_error_in_a_plugin_constructor_names_the_plugin(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        open_backend("lines", AuditSettings(tmp_path))

    assert str(caught.value).startswith("audit backend lines cannot be opened (KeyError: 'file')")


def test_a_plugin_that_stores_nothing_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it must define append, or both store_promotion"):
        open_backend("keeps-nothing", AuditSettings(tmp_path))


class StoresNothing(AuditBackendPlugin):
    """A backend that was never checked by `open_backend`, as one made by a program may be."""

    def query_history(self, environment: str, limit: int) -> list[AnyRecord]:
        return []


def test_an_unchecked_backend_that_stores_nothing_fails_in_one_sentence() -> None:
    with pytest.raises(AuditUnavailableError) as caught:
        StoresNothing().append(a_promotion())

    assert "test_audit_loading.StoresNothing does not store promotion records" in str(caught.value)


def test_a_plugin_exception_becomes_one_line_with_its_cause(tmp_path: Path) -> None:
    backend = open_backend("lines", AuditSettings(tmp_path, {"file": "x", "fails": True}))

    with pytest.raises(AuditUnavailableError) as caught:
        backend.append(a_promotion())

    assert "audit backend lines could not store the record (KeyError: " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_plugin_that_hangs_times_out(tmp_path: Path) -> None:
    settings = AuditSettings(tmp_path, {"file": "x", "sleeps": 20})
    backend = open_backend("lines", settings, seconds=0.2)
    started = time.monotonic()

    with pytest.raises(
        AuditUnavailableError, match=r"did not store the record within 0\.2 seconds"
    ):
        backend.append(a_promotion())

    assert time.monotonic() - started < 15


def test_a_call_that_timed_out_does_not_keep_the_process_alive(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path\n"
        "from engine.adapters.audit import open_backend\n"
        "from engine.ports.audit_backend import AuditSettings\n"
        "from engine.domain.errors import AuditUnavailableError\n"
        "from tests.domain.records import a_promotion\n"
        f"settings = AuditSettings(Path({str(tmp_path)!r}), {{'file': 'x', 'sleeps': 600}})\n"
        "try:\n"
        "    open_backend('lines', settings, seconds=0.1).append(a_promotion())\n"
        "except AuditUnavailableError:\n"
        "    print('timed out')\n"
    )
    path = f"{PLUGINS / 'lines'}:{Path.cwd()}"

    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.stdout, done.stderr, done.returncode) == ("timed out\n", "", 0)


def test_the_repr_of_settings_contains_no_secrets(tmp_path: Path) -> None:
    settings = AuditSettings(tmp_path, {"secret_access_key": "hunter2"}, url="x://a:hunter2@b")

    assert "hunter2" not in repr(settings)


def test_clients_are_imported_only_when_a_backend_is_opened() -> None:
    script = (
        "import sys, engine.adapters.audit\n"
        "print([name for name in ('obstore', 'sqlite_utils', 'sqlite3') if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout == "[]\n"
