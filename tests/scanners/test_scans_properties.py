"""Properties of scan verdicts: order and repetition do not matter, and worse never passes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.gate import GateStatus, Severity
from tests.scanners.scans import counts, judge, trivy, vulnerability

SEVERITIES = list(Severity)
# The known severities, lowest first.
KNOWN = [Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL]


@st.composite
def entries(draw: st.DrawFn) -> dict[str, object]:
    fields = draw(
        st.fixed_dictionaries(
            {"Severity": st.sampled_from(SEVERITIES)},
            optional={
                "FixedVersion": st.sampled_from(["", "6"]),
                "Status": st.sampled_from(["fixed", "affected", "end_of_life", "else"]),
            },
        )
    )
    names = st.sampled_from(["CVE-1", "CVE-2"])
    return vulnerability(draw(names), draw(st.sampled_from(["a", "b"])), **fields)


REPORTS = st.lists(entries(), max_size=8)
BLOCKS = st.sets(st.sampled_from(SEVERITIES))


@given(entries=REPORTS, block=BLOCKS, ignore_unfixed=st.booleans(), data=st.data())
@settings(deadline=None)
def test_permuting_and_repeating_entries_never_changes_the_verdict(
    entries, block, ignore_unfixed, data
):
    repeated = data.draw(st.lists(st.sampled_from(entries), max_size=4)) if entries else []
    shuffled = data.draw(st.permutations(entries + repeated))

    plain = judge(trivy(*entries), block=block, ignore_unfixed=ignore_unfixed)
    other = judge(trivy(*shuffled), block=block, ignore_unfixed=ignore_unfixed)

    assert plain == other


@given(entries=REPORTS, block=BLOCKS, ignore_unfixed=st.booleans(), data=st.data())
@settings(deadline=None)
def test_raising_a_severity_never_unblocks(entries, block, ignore_unfixed, data):
    known = [entry for entry in entries if entry["Severity"] in KNOWN]
    raised = data.draw(st.sampled_from(known)) if known else None
    worse = [_worse(entry) if entry is raised else entry for entry in entries]

    before = judge(trivy(*entries), block=block, ignore_unfixed=ignore_unfixed)
    after = judge(trivy(*worse), block=block, ignore_unfixed=ignore_unfixed)

    assert before.status is not GateStatus.FAILED or after.status is GateStatus.FAILED


@given(entries=REPORTS, block=BLOCKS)
@settings(deadline=None)
def test_ignored_findings_are_still_counted(entries, block):
    all_of_it = judge(trivy(*entries), block=block)
    some_ignored = judge(trivy(*entries), block=block, ignore_unfixed=True)

    assert counts(all_of_it) == counts(some_ignored)
    assert (all_of_it.status is GateStatus.PASSED) == (some_ignored.status is GateStatus.PASSED)


def _worse(entry: dict[str, object]) -> dict[str, object]:
    place = KNOWN.index(Severity(entry["Severity"]))
    return {**entry, "Severity": KNOWN[min(place + 1, len(KNOWN) - 1)]}
