"""Audit backends to test: in a directory, in an S3 server, in a database, in a plugin."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx

from engine.adapters.audit import open_backend
from engine.domain.record import PromotionRecord
from engine.ports.audit_backend import AuditBackendPlugin, AuditSettings
from tests.domain.records import AT, a_promotion
from tests.peers.loopback import free_port, until_answered

PLUGINS = Path(__file__).parents[1] / "plugins"
KINDS = ["directory", "s3", "database", "plugin"]


def backend_of(kind: str, folder: Path, s3_endpoint: str) -> AuditBackendPlugin:
    """A backend that no other test uses."""
    match kind:
        case "directory":
            return open_backend("s3", AuditSettings(folder, url=f"file://{folder}/objects"))
        case "s3":
            return s3_backend(s3_endpoint, f"b{uuid.uuid4().hex}")
        case "database":
            return open_backend("database", AuditSettings(folder, path=folder / "audit.db"))
        case _:
            return open_backend("lines", AuditSettings(folder, {"file": "audit.jsonl"}))


def s3_backend(
    endpoint: str, bucket: str, *, make: bool = True, seconds: float = 30
) -> AuditBackendPlugin:
    """One whose credentials come from the environment, as with any client of S3."""
    if make:
        httpx.put(f"{endpoint}/{bucket}").raise_for_status()
    options = {"endpoint": endpoint, "region": "us-east-1"}
    settings = AuditSettings(Path(), options, url=f"s3://{bucket}/audit/acme")
    return open_backend("s3", settings, seconds=seconds)


def at_minute(minute: int, **fields: object) -> PromotionRecord:
    """A promotion of its own, `minute` minutes after the usual time."""
    when = AT + timedelta(minutes=minute)
    return a_promotion(**{"promotion_id": uuid4(), "promoted_at": when} | fields)


@contextmanager
def moto_server(folder: Path) -> Iterator[str]:
    """The endpoint of an S3 server that keeps everything in memory."""
    program = Path(sys.executable).parent / "moto_server"
    port = free_port()
    command = [program, "-H", "127.0.0.1", "-p", str(port)]
    with (
        (folder / "moto.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env=dict(os.environ)) as process,
    ):
        try:
            endpoint = f"http://127.0.0.1:{port}"
            until_answered(endpoint, process)
            yield endpoint
        finally:
            process.terminate()
            process.wait(60)
