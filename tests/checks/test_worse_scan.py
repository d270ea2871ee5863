"""The waiver that a refused rollback suggests is accepted, and covers its vulnerability alone."""

import re
import shlex
from datetime import timedelta

import pytest

from engine.checks.worse_scan import worse_scan
from engine.domain.errors import GateFailedError
from engine.domain.finding import Finding
from engine.domain.gate import Severity
from engine.domain.request import RollbackRequest, WaiveRequest
from engine.domain.scan import ScanFinding, ScanFindings
from engine.domain.waiver_parsing import parse_waive_request
from tests.checks.contexts import ALICE, NOW, PATH, TRACE, V1, entry, judge_once
from tests.domain.records import a_promotion

REQUEST = RollbackRequest(V1, "staging", ALICE, TRACE, "INC-1")
SCAN = ScanFindings(())
EMPTY_PARTS = "pkg:npm/lodash@?a="
LONG = "pkg:npm/" + "a" * 300


def finding(id: str = "CVE-2026-1", package: str = "lodash", **fields: object) -> ScanFinding:
    return ScanFinding(id, package, "4.17.20", frozenset({Severity.HIGH}), True, **fields)


def judged(*worse: ScanFinding) -> Finding:
    return judge_once(
        worse_scan,
        REQUEST,
        target_head=entry(a_promotion()),
        running_findings=SCAN,
        kept_findings=SCAN,
        worse_findings=worse,
    )


def suggested(found: Finding) -> WaiveRequest:
    """The request of a person who copies the command, and writes its end and its reason."""
    command = re.search(r"floe platform waive .*", found.reason)
    assert command is not None
    words = shlex.split(command[0])
    options = dict(zip(words[4::2], words[5::2], strict=True))
    until = (NOW + timedelta(days=9)).isoformat()
    package = options.get("--package")
    return parse_waive_request(PATH, options["--env"], ALICE, TRACE, words[3], package, until, "x")


@pytest.mark.parametrize(
    ("worse", "package"),
    [
        (finding(purl="pkg:npm/lodash@4.17.20"), "pkg:npm/lodash@4.17.20"),
        (
            finding(purl="pkg:npm/%40acme/a@1?arch=x&b=c%20d#sub"),
            "pkg:npm/%40acme/a@1?arch=x&b=c%20d",
        ),
        (finding(purl="pkg:DEB/Debian/OpenSSL@1"), "pkg:deb/debian/openssl@1"),
        (finding(), "lodash"),
        (finding(purl="no URL"), "lodash"),
        (finding(purl=EMPTY_PARTS), "lodash"),
        (finding(purl=LONG), "lodash"),
        (finding(package="it's;lodash"), "it's;lodash"),
        (finding(package="two words"), None),
        (finding(package=""), None),
    ],
)
def test_suggested_waiver_covers_the_vulnerability_in_its_package(worse, package):
    request = suggested(judged(worse))

    assert request.terms.package == package
    assert request.terms.covers(worse.ids, worse.package, worse.purl)
    assert request.target == "staging"


def test_suggested_waiver_names_an_alias_if_the_id_cannot_be_waived():
    worse = finding("not an id; rm -rf /", aliases=("?", "GHSA-1111-2222-3333"))

    assert suggested(judged(worse)).terms.vulnerability == "GHSA-1111-2222-3333"


def test_without_an_id_that_can_be_waived_nothing_is_suggested():
    found = judged(finding("not an id; rm -rf /"))

    assert found.error is GateFailedError
    assert found.reason.endswith("Roll back to another version")


def test_every_vulnerability_needs_a_waiver():
    found = judged(finding(), finding("CVE-2026-2"), finding("CVE-2026-3"))

    assert "waive each of the 3, first: floe platform waive CVE-2026-1" in found.reason
