"""`make audit` reports known vulnerabilities of locked versions, and never trusts silence."""

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.peers.fake_http import FakeServer, Reply, Request

pytestmark = pytest.mark.timeout(900)
ROOT = Path(__file__).parents[2]


class Advisories(FakeServer):
    """
    An advisory service that knows `known`, in OSV format (https://google.github.io/osv.dev/api/).
    """

    def __init__(self, *known: str) -> None:
        super().__init__()
        self.known = frozenset(known)

    def respond(self, request: Request) -> Reply:
        name = json.loads(request.body)["package"]["name"]
        package = {"name": name, "ecosystem": "PyPI"}
        bad = {"id": f"BAD-{name}", "summary": "bad", "affected": [{"package": package}]}
        return Reply(body=json.dumps({"vulns": [bad]} if name in self.known else {}).encode())


def audit(url: str) -> "subprocess.CompletedProcess[str]":
    environ = {"AUDIT_OSV": url, "AUDIT_SECONDS": "60"}
    return subprocess.run(
        [ROOT / ".ci/audit"], env=os.environ | environ, capture_output=True, text=True, timeout=800
    )


def test_known_vulnerability_is_named() -> None:
    with Advisories("jinja2", "flask") as service:
        ran = audit(f"http://{service.host}/query")

    assert ran.returncode == 1, ran.stderr
    assert "requirements.lock:" in ran.stdout
    assert "BAD-flask" in ran.stdout


def test_service_without_well_known_advisories_is_not_trusted() -> None:
    with Advisories() as service:
        ran = audit(f"http://{service.host}/query")

    assert (ran.returncode, ran.stdout) == (3, "")
    assert "Nothing was audited" in ran.stderr


def test_service_that_fails_half_way_is_not_trusted() -> None:
    with Advisories("jinja2") as service:
        service.script("POST", "query", None, None, Reply(500))
        ran = audit(f"http://{service.host}/query")

    assert ran.returncode == 3
    assert "Nothing was audited" in ran.stderr


def test_unreachable_service_is_reported() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ran = audit(f"http://127.0.0.1:{closed.getsockname()[1]}/query")

    assert (ran.returncode, ran.stdout) == (3, "")
    assert "does not answer as an advisory service from here" in ran.stderr
