"""The configuration of the target decides whether a bad signature blocks or warns."""

import pytest

from engine.checks.signature import signature
from engine.domain.environment import Enforcement, Environment
from engine.domain.errors import SignatureVerificationError
from engine.domain.finding import Finding, Outcome
from engine.domain.request import PromotionRequest
from engine.domain.signature import SignatureVerdict
from tests.checks.contexts import ALICE, TRACE, V1, judge_once
from tests.scenarios.engines import path_of

GOOD = SignatureVerdict(mode="key", fingerprint="sha256:abc", problem=None)
REFUSED = SignatureVerdict(problem="Signature verification failed: wrong key")


def judge_signature(enforcement: Enforcement, verdict: SignatureVerdict | None) -> Finding:
    path = path_of("dev", Environment("staging", signature=enforcement))
    request = PromotionRequest(V1, "dev", "staging", ALICE, TRACE)
    return judge_once(signature, request, path, signature=verdict)


def test_environment_that_verifies_no_signatures_skips_the_check() -> None:
    found = judge_signature(Enforcement.OFF, None)

    assert (found.outcome, found.reason) == (
        Outcome.SKIPPED,
        "signatures are not verified for staging",
    )


@pytest.mark.requirement("FR-004")
@pytest.mark.parametrize("enforcement", [Enforcement.WARN, Enforcement.ENFORCE])
def test_good_signature_passes(enforcement: Enforcement) -> None:
    found = judge_signature(enforcement, GOOD)

    assert (found.outcome, found.reason) == (
        Outcome.PASSED,
        "Signature verified (key, sha256:abc)",
    )


@pytest.mark.requirement("FR-005")
@pytest.mark.parametrize(
    ("verdict", "warning", "refusal"),
    [
        (REFUSED, REFUSED.problem, REFUSED.problem),
        (
            SignatureVerdict(),
            "Artifact is unsigned",
            "Artifact is unsigned and enforcement is enabled",
        ),
    ],
)
def test_bad_signature_warns_or_blocks(
    verdict: SignatureVerdict, warning: str, refusal: str
) -> None:
    warned = judge_signature(Enforcement.WARN, verdict)
    blocked = judge_signature(Enforcement.ENFORCE, verdict)

    assert (warned.outcome, warned.reason) == (Outcome.WARNED, warning)
    assert (blocked.outcome, blocked.error, blocked.reason) == (
        Outcome.BLOCKED,
        SignatureVerificationError,
        refusal,
    )
