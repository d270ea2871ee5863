"""The object store audit backend: object names, foreign objects, unreachable stores."""

import resource
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from engine.adapters.audit import open_backend
from engine.domain.errors import AuditUnavailableError, ConfigError
from engine.ports.audit_backend import AuditBackendPlugin, AuditSettings
from tests.audit.audit_kit import at_minute, s3_backend
from tests.domain.records import ID, a_promotion
from tests.peers.fake_http import FakeServer, Reply, Request
from tests.peers.loopback import free_port

pytestmark = pytest.mark.requirement("FR-025b")
NAME = f"20260102T030405.678901Z-{ID}.json"


class Refusing(FakeServer):
    """An S3 server that refuses every request."""

    def respond(self, request: Request) -> Reply:
        return Reply(403, b"<Error><Code>AccessDenied</Code></Error>")


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "floe")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")


def directory(folder: Path) -> AuditBackendPlugin:
    return open_backend("s3", AuditSettings(folder, url=f"file://{folder}/objects"))


def test_names_sort_by_time_and_end_with_the_id(tmp_path: Path) -> None:
    directory(tmp_path).append(a_promotion())

    [found] = (tmp_path / "objects").rglob("*.json")

    assert str(found.relative_to(tmp_path)) == f"objects/prod/{NAME}"
    assert found.read_bytes() == a_promotion().to_bytes()


def test_foreign_objects_are_ignored(tmp_path: Path) -> None:
    backend = directory(tmp_path)
    backend.append(a_promotion())
    for name in ("README.md", "20260102T030405.678901Z-notes.json", f"{NAME}.bak"):
        (tmp_path / "objects/prod" / name).write_text("mine")

    assert backend.query_history("prod", 10) == [a_promotion()]


@pytest.mark.requirement("FR-026")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        a_promotion().to_bytes()[:-1],
        a_promotion().to_bytes() + b" ",
        at_minute(1).to_bytes(),
        a_promotion(target_environment="staging").to_bytes(),
    ],
)
def test_an_altered_record_is_reported(tmp_path: Path, content: bytes) -> None:
    backend = directory(tmp_path)
    backend.append(a_promotion())
    (tmp_path / "objects/prod" / NAME).write_bytes(content)

    with pytest.raises(AuditUnavailableError, match=f"has a wrong record in prod/{NAME}"):
        backend.query_history("prod", 10)


def test_an_unreachable_store_is_reported_within_the_timeout() -> None:
    backend = s3_backend(f"http://127.0.0.1:{free_port()}", "gone", make=False, seconds=30)
    started = time.monotonic()

    with pytest.raises(AuditUnavailableError, match="s3://gone/audit/acme could not write prod/"):
        backend.append(a_promotion())

    assert time.monotonic() - started < 60


def test_a_store_that_never_answers_times_out() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        backend = s3_backend(endpoint, "silent", make=False, seconds=0.5)

        with pytest.raises(AuditUnavailableError, match="did not store the record within"):
            backend.append(a_promotion())


def test_a_refusal_of_the_store_is_one_line_without_secrets() -> None:
    with Refusing() as server:
        backend = s3_backend(f"http://{server.host}", "locked", make=False)

        with pytest.raises(AuditUnavailableError) as caught:
            backend.append(a_promotion())

    assert "s3://locked/audit/acme could not write prod/" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_directory_that_cannot_be_created_stops_the_write(tmp_path: Path) -> None:
    (tmp_path / "objects").write_text("a file in the way")

    with pytest.raises(AuditUnavailableError, match="objects could not write prod/"):
        directory(tmp_path).append(a_promotion())


def test_a_full_disk_stops_the_write_and_stores_nothing(tmp_path: Path) -> None:
    script = (
        "import signal, sys\n"
        "from pathlib import Path\n"
        "from engine.domain.errors import AuditUnavailableError\n"
        "from tests.audit.test_audit_objects import directory\n"
        "from tests.domain.records import a_promotion\n"
        "try:\n"
        "    directory(Path(sys.argv[1])).append(a_promotion())\n"
        "except AuditUnavailableError as error:\n"
        "    print(error)\n"
    )

    done = subprocess.run(
        # -B: the limit would also cut off the compiled modules that Python stores.
        [sys.executable, "-B", "-c", script, str(tmp_path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert "could not write prod/" in done.stdout, done.stderr
    assert directory(tmp_path).query_history("prod", 10) == []


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("s3://bucket", {"nope": "x"}, "options.nope: s3:// has no such option"),
        ("s3://bucket", {"region": [3]}, "options.region: use text"),
        ("az://key:hunter2@container", {}, "az://container cannot be used"),
        ("file://elsewhere/x", {}, "a directory must be file:///DIRECTORY"),
        ("file:///x", {"region": "eu"}, "without options"),
    ],
)
def test_invalid_urls_are_rejected_on_open(
    tmp_path: Path, url: str, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        open_backend("s3", AuditSettings(tmp_path, options, url=url))

    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)
