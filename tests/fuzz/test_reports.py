"""Any scanner output gets a verdict with a reason, and none passes by accident."""

import json

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.domain.gate import GateStatus, ScannerFormat
from tests.scanners.scans import GRYPE, TRIVY, grype, judge, match, trivy, vulnerability

_DEEP = 100_000
# The output of Trivy without findings before its reports had a schema.
_CLEAN = {b"null", b"[]"}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["CRITICAL", "High", "fixed", "\x1b[2J"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
WHOLE = {
    TRIVY: trivy(vulnerability(Severity="CRITICAL")),
    GRYPE: grype(match(severity="Critical")),
}


@settings(max_examples=150, deadline=None)
@given(report=st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
@pytest.mark.parametrize("scanner", [TRIVY, GRYPE])
def test_report_with_an_unknown_shape_never_passes(scanner: ScannerFormat, report: bytes) -> None:
    assume(report.strip() not in _CLEAN)

    result = judge(report, scanner)

    assert result.status is GateStatus.FAILED
    assert result.error
    assert result.error.isprintable()


@settings(max_examples=150, deadline=None)
@given(data=st.data(), value=VALUES)
@pytest.mark.parametrize("scanner", [TRIVY, GRYPE])
def test_altered_report_is_judged_without_a_traceback(
    scanner: ScannerFormat, data: st.DataObject, value: object
) -> None:
    report = json.loads(json.dumps(WHOLE[scanner]))
    branch = report
    while True:
        key = data.draw(st.sampled_from(sorted(branch) if isinstance(branch, dict) else [0]))
        below = branch[key]
        if not below or not isinstance(below, dict | list) or data.draw(st.booleans()):
            branch[key] = value
            break
        branch = below

    result = judge(report, scanner)

    assert (result.status is GateStatus.PASSED) == (not result.error)
    assert (result.error or "").isprintable()


@pytest.mark.parametrize("scanner", [TRIVY, GRYPE])
@pytest.mark.parametrize(
    "report",
    [b"[" * _DEEP, b'{"Results":' * _DEEP, b'{"SchemaVersion":' + b"9" * _DEEP + b"}", b"\xff\xfe"],
    ids=["deep lists", "deep maps", "giant number", "no text"],
)
def test_hostile_report_fails_the_gate(scanner: ScannerFormat, report: bytes) -> None:
    result = judge(report, scanner)

    assert result.status is GateStatus.FAILED
    assert result.error
