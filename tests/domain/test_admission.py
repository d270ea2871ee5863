"""The rules that admit tokens of an issuer."""

import pytest

from engine.domain.admission import Admission, check_subject_pattern, subject_matches

MAIN = "repo:acme/platform:ref:refs/heads/main"
MAIN_WITH_IDS = "repo:acme@123456/platform@789012:ref:refs/heads/main"


@pytest.mark.parametrize(
    ("pattern", "subject", "matches"),
    [
        (MAIN, MAIN, True),
        (MAIN, f"{MAIN}x", False),
        (MAIN, f"{MAIN}\n", False),
        (MAIN, MAIN_WITH_IDS, False),
        (MAIN_WITH_IDS, MAIN_WITH_IDS, True),
        ("repo:acme/*:ref:refs/heads/main", MAIN, True),
        ("repo:acme/*:ref:refs/heads/main", "repo:acme/a/b:ref:refs/heads/main", False),
        ("repo:acme/*:ref:refs/heads/main", "repo:acme/:ref:refs/heads/main", False),
        ("repo:acme/*:ref:refs/heads/main", "repo:acme/..:ref:refs/heads/main", False),
        ("repo:acme/*", "repo:acme/../evil", False),
        ("repo:acme/*", "repo:acme/platform:ref:refs/heads/main", False),
        ("repo:acme/**", MAIN, True),
        ("repo:acme/**", "repo:acme/", False),
        ("repo:acme/**", "repo:acme-evil/x:ref:refs/heads/main", False),
        ("repo:acme/**", "repo:acme/../evil/x:ref:refs/heads/main", False),
        ("repo:acme*", "repo:acme-evil/x:ref:refs/heads/main", False),
        ("repo:acme/platform:**", MAIN, True),
        ("repo:acme/platform:**", "repo:acme/platform-evil:ref:refs/heads/main", False),
        ("repo:acme/platform:**", MAIN_WITH_IDS, False),
        ("repo:acme@123456/*:**", MAIN_WITH_IDS, True),
        ("repo:acme@123456/*:**", "repo:acme@999/platform@789012:ref:refs/heads/main", False),
        ("repo:acme/web:ref:refs/tags/v*", "repo:acme/web:ref:refs/tags/v1.2.3", True),
        ("repo:acme/web:ref:refs/tags/v*", "repo:acme/web:ref:refs/tags/v1/x", False),
        ("repo:acme/web:ref:refs/heads/r*-*c", "repo:acme/web:ref:refs/heads/r1-2-c-c", True),
        ("repo:acme/web:ref:refs/heads/r*-*c", "repo:acme/web:ref:refs/heads/r1-2-c-d", False),
        ("repo:acme/w.b:**", "repo:acme/web:environment:prod", False),
        ("repo:acme/[w]eb:**", "repo:acme/web:environment:prod", False),
        ("repo:Acme/web:**", "repo:acme/web:environment:prod", False),
        ("**", "anything:at/all", True),
        ("*", "anything:at/all", False),
        ("*", 7, False),
        ("**", None, False),
    ],
)
def test_a_wildcard_stays_within_its_part(pattern: str, subject: object, matches: bool) -> None:
    assert subject_matches(pattern, subject) is matches


def test_many_wildcards_match_a_long_subject_quickly() -> None:
    pattern = "a*" * 200 + "b"

    assert subject_matches(pattern, "a" * 100_000) is False


@pytest.mark.parametrize("pattern", ["**:x", "repo:acme**", "repo:**/x", "repo:acme/***", "a/**b"])
def test_two_stars_are_allowed_only_as_the_last_part(pattern: str) -> None:
    with pytest.raises(ValueError, match="before the last part"):
        check_subject_pattern(pattern)


@pytest.mark.parametrize(
    ("values", "said", "admitted"),
    [
        (("acme",), "acme", True),
        (("acme", "acme-labs"), "acme-labs", True),
        (("acme",), "Acme", False),
        (("acme",), "acme-evil", False),
        (("acme",), " acme", False),
        (("acme",), None, False),
        (("acme",), ["evil", "acme"], True),
        (("acme",), ["evil"], False),
        (("acme",), [], False),
        (("acme",), {"acme": True}, False),
        (("acme",), [["acme"]], False),
        ((True,), True, True),
        ((True,), "true", True),
        ((True,), 1, False),
        ((True,), False, False),
        (("true",), True, True),
        ((123,), 123, True),
        ((123,), "123", True),
        (("123",), 123, True),
        ((1,), True, False),
        ((123,), 123.0, False),
    ],
)
def test_claim_must_have_one_of_the_configured_values(
    values: tuple[str | int | bool, ...], said: object, admitted: bool
) -> None:
    rules = Admission(claims={"owner": values})
    payload = {} if said is None else {"owner": said}

    assert (rules.explain_refusal(payload, None) is None) is admitted


def test_a_token_must_meet_every_rule() -> None:
    rules = Admission(("repo:acme/**",), {"ref_protected": (True,)}, ("acme.com",))
    good = {"sub": MAIN, "ref_protected": "true"}

    assert rules.explain_refusal(good, "bot@ACME.com") is None
    assert "subject" in str(rules.explain_refusal(good | {"sub": "repo:evil/x:y"}, "bot@acme.com"))
    assert "ref_protected" in str(rules.explain_refusal({"sub": MAIN}, "bot@acme.com"))
    assert "evil.com" in str(rules.explain_refusal(good, "bot@evil.com"))
    assert "evil-acme.com" in str(rules.explain_refusal(good, "bot@evil-acme.com"))
    assert "no verified e-mail" in str(rules.explain_refusal(good, None))


def test_claim_email_is_compared_with_the_verified_address() -> None:
    rules = Admission(claims={"email": ("alice@acme.com",)})

    assert rules.explain_refusal({"email": "alice@acme.com"}, "alice@acme.com") is None
    assert (
        rules.explain_refusal({"email": "alice@acme.com", "email_verified": False}, None)
        is not None
    )


def test_refusal_shows_the_subject_to_add() -> None:
    rules = Admission(("repo:acme/web:**",))

    refusal = rules.explain_refusal({"sub": 'repo:acme/a"b: #x:y'}, None)

    assert str(refusal).endswith(r'add "repo:acme/a\"b: #x:y" to subjects')
