"""Statements of OpenVEX documents: their forms, their products, and which of them counts."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.domain.gate import Severity
from engine.domain.openvex import VexStatements, read_statements
from engine.domain.scan import ScanFinding
from tests.waivers.documents import DIGEST, PRODUCT, Json, document, statement
from tests.waivers.kit import CVE, PURL

FINDING = ScanFinding(
    CVE, "lodash", "4.17.20", frozenset({Severity.CRITICAL}), True, ("GHSA-1111-2222-3333",), PURL
)


def clears(*documents: Json, finding: ScanFinding = FINDING) -> bool:
    read = (read_statements(each, DIGEST, "sha256:1") for each in documents)
    newest = VexStatements(tuple(s for found in read for s in found)).newest(finding)
    return newest is not None and newest.clears


OLD = {"@context": "https://openvex.dev/ns/v0.0.1", "version": "1", "role": "Document Creator"}


@pytest.mark.parametrize(
    ("said", "cleared"),
    [
        (document(statement()), True),
        (document(statement(status="fixed", justification="")), True),
        (document(statement(justification="", impact_statement="not reachable")), True),
        # not_affected has to say why.
        (document(statement(justification="")), False),
        (document(statement(status="affected")), False),
        (document(statement(status="under_investigation")), False),
        (document(statement(), **{"@context": "https://openvex.dev/ns"}), True),
        # Version 0.0.1: vulnerabilities and products are text, the version is too.
        (document(statement(vulnerability=CVE, products=[PRODUCT]), **OLD), True),
        (
            document(statement(vulnerability=CVE, products=[PRODUCT], subcomponents=[PURL]), **OLD),
            True,
        ),
        (
            document(
                statement(vulnerability=CVE, products=[PRODUCT], subcomponents=["pkg:npm/a"]), **OLD
            ),
            False,
        ),
        (document(statement(vulnerability={"name": CVE.lower()})), True),
        (document(statement(vulnerability={"name": "X-1", "aliases": [CVE]})), True),
        (document(statement(vulnerability={"name": "GHSA-1111-2222-3333"})), True),
        (document(statement(vulnerability={"@id": f"https://nvd.nist.gov/vuln/{CVE}"})), True),
        (document(statement(vulnerability={"name": "CVE-2026-12"})), False),
        (document(statement(products=[{"@id": "x", "hashes": {"sha-256": DIGEST.hex}}])), True),
        (document(statement(products=[{"hashes": {"sha256": DIGEST.hex.upper()}}])), True),
        (document(statement(products=[{"hashes": {"sha-512": DIGEST.hex}}])), False),
        (document(statement(products=[{"@id": "app", "identifiers": {"purl": PRODUCT}}])), True),
        (document(statement(products=[f"pkg:oci/app@{DIGEST}"])), True),
        # Without a digest the product is every version, also later ones.
        (document(statement(products=["pkg:oci/app"])), False),
        (document(statement(products=["pkg:oci/app@sha256:" + "0" * 64])), False),
        (document(statement(products=[PURL])), False),
        # Without products they are those of the attestation, which is about this artifact.
        (document(statement(products=[])), True),
        (document(statement(subcomponents=[""], products=[PRODUCT]), **OLD), True),
        (document(statement(subcomponents=["", "pkg:npm/a"], products=[PRODUCT]), **OLD), False),
        (
            document(statement(products=[{"@id": PRODUCT, "subcomponents": [{"@id": PURL}]}])),
            True,
        ),
        (
            document(
                statement(
                    products=[
                        {
                            "@id": PRODUCT,
                            "subcomponents": [{"identifiers": {"purl": "pkg:npm/lodash"}}],
                        }
                    ]
                )
            ),
            True,
        ),
        (
            document(statement(products=[{"@id": PRODUCT, "subcomponents": [{"@id": "lodash"}]}])),
            False,
        ),
    ],
)
def test_statement_clears_its_vulnerability_in_its_product(said, cleared):
    assert clears(said) is cleared


def later(status: str, time: str, **more: Any) -> Json:
    return statement(status=status, timestamp=time, **more)


@pytest.mark.parametrize(
    ("documents", "cleared"),
    [
        (
            [
                document(later("not_affected", "2026-08-02T00:00:00Z")),
                document(later("affected", "2026-08-01T23:59:59Z")),
            ],
            True,
        ),
        (
            [
                document(later("affected", "2026-08-02T00:00:00Z")),
                document(later("fixed", "2026-08-02T01:00:00+02:00")),
            ],
            False,
        ),
        # The time of the document counts where the statement has none.
        (
            [
                document(statement(), timestamp="2026-08-03T00:00:00Z"),
                document(later("under_investigation", "2026-08-02T00:00:00Z")),
            ],
            True,
        ),
        (
            [
                document(
                    later("fixed", "2026-08-01T00:00:00Z", last_updated="2026-08-04T00:00:00Z"),
                    later("affected", "2026-08-03T00:00:00Z"),
                )
            ],
            True,
        ),
        # At the same time, the one that clears nothing counts.
        ([document(statement(), statement(status="affected"))], False),
        ([document(statement(status="affected"), statement())], False),
    ],
)
def test_newest_statement_of_all_documents_counts(documents, cleared):
    assert clears(*documents) is cleared


@pytest.mark.parametrize(
    ("part", "purl", "cleared"),
    [
        ({"@id": "lodash"}, PURL, False),
        ({"@id": "pkg:npm/lodash"}, None, False),
        ({"@id": "pkg:npm/other"}, PURL, True),
    ],
)
def test_newer_affected_counts_where_a_package_url_is_missing(part, purl, cleared):
    limited = [{"@id": PRODUCT, "subcomponents": [part]}]
    newer = later("affected", "2026-08-02T00:00:00Z", products=limited)

    assert clears(document(statement(), newer), finding=replace(FINDING, purl=purl)) is cleared


@pytest.mark.parametrize(
    ("product", "cleared"),
    [
        ("pkg:oci/app", False),
        ("pkg:oci/app?tag=v1.0.0", False),
        ("pkg:oci/app@sha256:" + "0" * 64, True),
        ("pkg:npm/app", True),
        ("app", True),
    ],
)
def test_newer_affected_counts_where_an_image_has_no_digest(product, cleared):
    newer = later("affected", "2026-08-02T00:00:00Z", products=[{"@id": product}])

    assert clears(document(statement()), document(newer)) is cleared


@pytest.mark.parametrize(
    ("status", "time", "cleared"),
    [
        # In the zone with the earliest time it is at 10:00 UTC the day before.
        ("affected", "2026-08-01T09:59:59Z", True),
        ("affected", "2026-08-01T10:00:01Z", False),
        ("affected", "2026-08-02T00:00:00", False),
    ],
)
def test_time_without_a_zone_counts_for_the_statement_that_clears_nothing(status, time, cleared):
    cleared_at = later("not_affected", "2026-08-02T00:00:00")

    assert clears(document(cleared_at, later(status, time))) is cleared


def test_affected_without_a_zone_may_be_half_a_day_newer():
    newer = later("affected", "2026-08-02T00:00:00")

    assert not clears(document(later("fixed", "2026-08-02T11:59:59Z"), newer))
    assert clears(document(later("fixed", "2026-08-02T12:00:01Z"), newer))


@pytest.mark.parametrize(("status", "kept"), [("fixed", 0), ("affected", 1)])
def test_statement_from_the_future_clears_nothing(status, kept):
    said = document(later(status, "2099-01-01T00:00:00Z"))
    read = VexStatements(read_statements(said, DIGEST, "sha256:1"))

    found = read.known_at(datetime(2026, 9, 1, tzinfo=UTC))

    assert (len(found.statements), len(found.ignored)) == (kept, 1 - kept)


@pytest.mark.parametrize(
    "said",
    [
        {},
        document(statement(), **{"@context": "https://evil.example/ns"}),
        document(statement(status="harmless")),
        document(statement(), timestamp="yesterday"),
        document(statement(), timestamp=None),
        document(statement(vulnerability={})),
        document(statement(products=[7])),
        document(statements="none"),
    ],
)
def test_malformed_document_is_refused_as_a_whole(said):
    with pytest.raises(ValueError, match=r"."):
        read_statements(said, DIGEST, "sha256:1")
