"""`floe doctor` tries gates, sign-in, and the copies for an audit."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from engine.adapters.audit.naming import object_name
from tests.audit.audit_kit import at_minute, moto_server
from tests.builders import image
from tests.doctor.clinic import examine, prepare
from tests.peers import oci_layout
from tests.peers.fake_http import Reply
from tests.peers.fake_issuer import DISCOVERY, FakeIssuer
from tests.peers.fake_provider import FakeProvider
from tests.peers.loopback import free_port


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")
    return tmp_path


def test_command_of_a_gate_that_does_not_exist_is_found(folder: Path) -> None:
    (folder / "scan.sh").write_text("#!/bin/sh\n")
    gates = (
        "gates: {tests: {command: pytset -q, env: [TOKEN_OF_TESTS]}, "
        "security_scan: {command: ./scan.sh}, cost_analysis: {command: sh -c true}}"
    )

    examined = examine(prepare(folder, prod=gates))

    assert examined.failed == [("gates", "tests: prod"), ("gates", "security_scan: prod")]
    assert examined.row("gates", "tests: prod")["advice"].startswith("Install pytset")
    assert f"executable file in {folder}" in examined.row("gates", "security_scan: prod")["found"]
    assert examined.verdict("gates", "cost_analysis: prod") == "passed"
    assert examined.verdict("gates", "variable TOKEN_OF_TESTS") == "warning"
    assert examined.code == 2


def test_issuer_that_does_not_answer_is_found(folder: Path) -> None:
    issuer = f"http://127.0.0.1:{free_port()}"
    more = f"identity: {{oidc: [{{issuer: '{issuer}', audience: floe}}]}}"

    examined = examine(prepare(folder, more=more))

    row = examined.row("sign-in", f"keys of {issuer}")
    assert examined.failed == [("sign-in", f"keys of {issuer}")]
    assert "cannot be reached" in row["found"]
    assert "identity.oidc.issuer" in row["advice"]
    assert examined.code == 5


def test_discovery_of_another_issuer_is_found(folder: Path) -> None:
    with FakeIssuer() as issuer:
        named = f"{issuer.issuer}/"
        other = {"issuer": issuer.issuer, "jwks_uri": f"{issuer.issuer}/keys"}
        issuer.always("GET", DISCOVERY, Reply(200, json.dumps(other).encode()))
        more = f"identity: {{oidc: [{{issuer: '{named}', audience: floe}}]}}"
        examined = examine(prepare(folder, more=more))

    row = examined.row("sign-in", f"keys of {named}")
    assert row["verdict"] == "failed"
    assert f"calls itself '{issuer.issuer}'" in row["found"]


def test_provider_of_the_page_is_asked_for_its_endpoints(folder: Path) -> None:
    with FakeProvider() as provider:
        more = (
            f"web: {{base_url: 'http://127.0.0.1:8080', auth: {{mode: oidc, "
            f"issuer: '{provider.issuer}', client_id: floe, client_secret_env: SECRET}}}}"
        )
        examined = examine(prepare(folder, more=more, SECRET="hidden"))

    assert examined.verdict("sign-in", f"page, {provider.issuer}") == "passed"
    assert examined.verdict("sign-in", f"keys of {provider.issuer}") == "passed"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moto_server(tmp_path_factory.mktemp("moto")) as running:
        yield running


@pytest.mark.parametrize("locked", [True, False])
def test_retention_of_audit_copies_is_read(
    locked: bool, endpoint: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = {"AWS_ACCESS_KEY_ID": "floe", "AWS_SECRET_ACCESS_KEY": "secret"}
    for name, value in account.items():
        monkeypatch.setenv(name, value)
    bucket = f"doctor-{os.getpid()}-{locked}".lower()
    headers = {"x-amz-bucket-object-lock-enabled": str(locked).lower()}
    httpx.put(f"{endpoint}/{bucket}", headers=headers).raise_for_status()
    if locked:
        rule = (
            "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>"
            "<DefaultRetention><Mode>COMPLIANCE</Mode><Days>30</Days></DefaultRetention></Rule>"
            "</ObjectLockConfiguration>"
        )
        httpx.put(f"{endpoint}/{bucket}?object-lock", content=rule).raise_for_status()
    # moto accepts no other checksum into such a bucket than that of Amazon's own clients.
    record = at_minute(1)
    copy = f"{endpoint}/{bucket}/audit/acme/{object_name(record)}"
    checksum = {"x-amz-sdk-checksum-algorithm": "SHA256"}
    httpx.put(copy, content=record.to_bytes(), headers=checksum).raise_for_status()
    audit = (
        f"audit: {{backend: s3, url: 's3://{bucket}/audit/acme', "
        f"options: {{endpoint: '{endpoint}', region: us-east-1}}}}"
    )

    examined = examine(prepare(folder, promotion=audit, **account))

    row = examined.row("audit copies", "Object Lock")
    assert row["verdict"] == ("passed" if locked else "warning")
    assert ("put-object-lock-configuration" in row["advice"]) is not locked
    assert ("COMPLIANCE" in row["found"]) is locked


def test_audit_store_that_does_not_answer_is_found(folder: Path) -> None:
    account = {"AWS_ACCESS_KEY_ID": "floe", "AWS_SECRET_ACCESS_KEY": "secret"}
    audit = (
        "audit: {backend: s3, url: 's3://nowhere/audit', "
        f"options: {{endpoint: 'http://127.0.0.1:{free_port()}', region: us-east-1}}}}"
    )

    examined = examine(prepare(folder, promotion=audit, **account))

    assert [system for system, _ in examined.failed] == ["audit copies"]
    assert examined.code == 5
