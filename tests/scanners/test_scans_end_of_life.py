"""Distributions without security updates, and unexplained exit statuses."""

import json

import pytest

from engine.adapters.scanners import judge_report
from engine.domain.gate import Gate, GateKind, GateResult, GateStatus, SecurityRules
from tests.scanners.scans import GRYPE, TRIVY, grype, match, trivy, vectors, vulnerability

_EOL_IMAGE = {"Metadata": {"OS": {"Family": "alpine", "Name": "3.9.4", "EOSL": True}}}
_EOL_ALERT = {
    "alertsByPackage": [
        {
            "package": {"name": "bash"},
            "alerts": [
                {
                    "type": "distro-eol",
                    "message": "Ubuntu 18.04 reached end-of-life on 2023-05-31",
                    "metadata": {"name": "ubuntu", "version": "18.04"},
                }
            ],
        }
    ]
}


def _judged(
    report: object,
    rules: SecurityRules,
    *,
    argv: tuple[str, ...] = ("trivy", "image"),
    exit_status: int = 0,
) -> GateResult:
    gate = Gate(GateKind.SECURITY_SCAN, argv, security=rules)
    return judge_report(gate, json.dumps(report).encode(), exit_status)


@pytest.mark.parametrize(
    ("report", "scanner", "named"),
    [
        (trivy() | _EOL_IMAGE, TRIVY, "alpine 3.9.4"),
        (grype(**_EOL_ALERT), GRYPE, "ubuntu 18.04"),
    ],
)
def test_a_distribution_without_security_updates_is_a_warning(report, scanner, named):
    result = _judged(report, SecurityRules(scanner))

    assert result.status is GateStatus.WARNING
    assert result.error == f"{named} gets no security updates any more (end of life)"
    assert result.details["end_of_life"] == named


@pytest.mark.parametrize(
    ("report", "scanner"), [(trivy() | _EOL_IMAGE, TRIVY), (grype(**_EOL_ALERT), GRYPE)]
)
def test_block_on_eol_makes_it_fail(report, scanner):
    result = _judged(report, SecurityRules(scanner, block_on_eol=True))

    assert result.status is GateStatus.FAILED
    assert "end of life" in (result.error or "")


def test_a_real_report_of_an_old_distribution_names_it():
    report = (vectors("trivy") / "trivy__alpine-39.golden.json").read_bytes()
    gate = Gate(GateKind.SECURITY_SCAN, ("trivy",), security=SecurityRules(TRIVY, frozenset()))

    result = judge_report(gate, report, 0)

    assert result.status is GateStatus.WARNING
    assert "alpine 3.9.4 gets no security updates" in (result.error or "")


@pytest.mark.parametrize(
    "report",
    [
        trivy() | {"Metadata": {"OS": {"Family": "alpine", "Name": "3.20"}}},
        trivy() | {"Metadata": {}},
        trivy() | {"Metadata": {"OS": None}},
    ],
)
def test_a_maintained_or_unnamed_distribution_passes(report):
    assert _judged(report, SecurityRules()).status is GateStatus.PASSED


@pytest.mark.parametrize("flag", [("--exit-on-eol", "3"), ("--exit-on-eol=3",)])
def test_exit_on_eol_fails_the_gate(flag):
    low = vulnerability(Severity="LOW")

    result = _judged(trivy(low) | _EOL_IMAGE, SecurityRules(), argv=("trivy", *flag), exit_status=3)

    assert result.status is GateStatus.FAILED
    assert "alpine 3.9.4 gets no security updates any more (end of life)" in (result.error or "")


def test_an_exit_status_the_report_does_not_explain_fails():
    result = _judged(trivy(), SecurityRules(), exit_status=1)

    assert result.status is GateStatus.FAILED
    assert result.error == (
        "the scanner ended with exit status 1, and its report does not explain it"
    )


def test_an_exit_status_that_does_not_block_is_shown():
    result = _judged(grype(match(severity="Low")), SecurityRules(GRYPE), exit_status=2)

    assert result.status is GateStatus.WARNING
    assert result.error == "1 LOW: CVE-1; the scanner ended with exit status 2"
