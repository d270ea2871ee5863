"""OpenVEX documents that other projects publish and that other tools write."""

import json
from pathlib import Path

import pytest

from engine.domain.artifact import Digest
from engine.domain.gate import Severity
from engine.domain.openvex import VexStatement, VexStatements, read_statements
from engine.domain.scan import ScanFinding

VECTORS = Path(__file__).parents[1] / "vectors" / "openvex"
ALPINE = "124c7d2707904eea7431fffe91522a01e5a861a624ee31d03372cc1d138a3126"
TAGGED = "f271e74b17ced29b915d351685fd4644785c6d1559dd1f2d4189a5e851ef753a"
NGINX = "13d22ec63300e16014d4a42aed735207a8b33c223cff19627dd3042e5a10a3a0"


def statements(name: str, digest: str) -> tuple[VexStatement, ...]:
    document = json.loads((VECTORS / name).read_bytes())
    return read_statements(document, Digest(f"sha256:{digest}"), name)


def clears(name: str, digest: str, id: str, purl: str | None = None) -> bool:
    found = ScanFinding(id, "a", "1", frozenset({Severity.HIGH}), True, purl=purl)
    return VexStatements(statements(name, digest)).clear(found)


@pytest.mark.parametrize("id", ["CVE-2023-1255", "CVE-2023-2650", "CVE-2023-2975", "CVE-2023-3446"])
def test_document_of_go_vex_clears_in_its_packages(id):
    package = "pkg:apk/alpine/libssl3@3.0.8-r3?arch=x86_64"

    assert clears("go-vex__v0.2.0.json", ALPINE, id, package)
    assert not clears("go-vex__v0.2.0.json", ALPINE, id, "pkg:apk/alpine/busybox@1")
    assert not clears("go-vex__v0.2.0.json", ALPINE, id)
    assert not clears("go-vex__v0.2.0.json", "0" * 64, id, package)


@pytest.mark.parametrize("name", ["go-vex__v0.0.1.json", "lib4vex__acme_1.0_vex.json"])
def test_document_about_packages_clears_nothing_in_an_image(name):
    assert statements(name, ALPINE) == ()


def test_statements_without_products_are_about_the_attested_artifact():
    found = statements("vexctl__test.vex.json", ALPINE)

    assert [each.status for each in found] == ["not_affected", "affected"]
    assert clears("vexctl__test.vex.json", ALPINE, "CVE-2009-4487")
    assert not clears("vexctl__test.vex.json", ALPINE, "CVE-2021-44228")


def test_images_without_a_digest_count_where_they_clear_nothing():
    """The one with its digest, and `pkg:oci/kube-apiserver?…&tag=v1.26.0`, which may be any."""
    assert len(statements("vexctl__images.vex.json", TAGGED)) == 2
    assert len(statements("vexctl__images.vex.json", ALPINE)) == 1


def test_statements_of_a_history_are_all_read():
    found = statements("vexctl__sample-history.openvex.json", NGINX)

    assert len(found) == 2
    assert clears("vexctl__sample-history.openvex.json", NGINX, "snyk-debian12-libde265-3361563")


@pytest.mark.parametrize(
    ("id", "cleared"),
    [("CVE-2026-1", True), ("CVE-2026-2", True), ("CVE-2026-3", False), ("CVE-2026-4", False)],
)
def test_document_of_lib4vex_counts(id, cleared):
    assert clears("lib4vex__generated.json", "1" * 64, id) is cleared
