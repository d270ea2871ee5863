"""Names are compared without regard to case and Unicode form, and keep their spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.names import Names, canonical_name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("alice@acme.com", "Alice@ACME.com"),
        ("Zoe\u0301", "zo\u00e9"),
        ("Groß", "GROSS"),
        ("ΣΑΣ", "σας"),
        ("oidc:https://ID.example#repo", "OIDC:https://id.example#repo"),
    ],
)
def test_spellings_of_one_name_are_equal(one: str, other: str) -> None:
    assert canonical_name(one) == canonical_name(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("alice", "al1ce"), ("zoe", "zoé"), ("a b", "ab")),
        # main and Main are two branches.
        ("oidc:https://id.example#repo:main", "oidc:https://id.example#repo:Main"),
    ],
)
def test_other_names_differ(one: str, other: str) -> None:
    assert canonical_name(one) != canonical_name(other)


@given(st.text())
def test_canonical_name_is_idempotent(name: str) -> None:
    assert canonical_name(canonical_name(name)) == canonical_name(name)


@given(st.text())
def test_no_spelling_of_a_name_is_another_name(name: str) -> None:
    assert canonical_name(name.casefold()) == canonical_name(name)


def test_a_set_of_names_compares_canonically_and_keeps_the_spelling() -> None:
    listed = Names(["Release Managers", "sre"])

    assert "release managers" in listed
    assert list(frozenset({"RELEASE MANAGERS", "other"}) & listed) == ["RELEASE MANAGERS"]
    assert list(listed & Names({"release managers"})) == ["release managers"]
    assert sorted(listed) == ["Release Managers", "sre"]
    assert Names({"A"}) == Names({"a"})
    assert hash(Names({"A"})) == hash(Names({"a"}))
    assert len(Names(["a", "A"])) == 1
