"""Challenges as registries write them."""

import pytest

from engine.adapters.registry.remote.auth.challenge import Challenge, merge_scopes, parse_challenges

BEARER = Challenge(
    "bearer",
    {"realm": "https://auth.example/token", "service": "a b", "scope": "repository:x:pull,push"},
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'Bearer realm="https://auth.example/token",service="a b",'
            'scope="repository:x:pull,push"',
            (BEARER,),
        ),
        (
            'BEARER  Realm = "https://auth.example/token" , SERVICE="a b"  '
            ',scope="repository:x:pull,push" , ',
            (BEARER,),
        ),
        (
            'Basic realm="one, two", charset="UTF-8", Bearer realm="https://x"',
            (
                Challenge("basic", {"realm": "one, two", "charset": "UTF-8"}),
                Challenge("bearer", {"realm": "https://x"}),
            ),
        ),
        (r'Basic realm="say \"hi\" \\"', (Challenge("basic", {"realm": 'say "hi" \\'}),)),
        ("Basic realm=registry", (Challenge("basic", {"realm": "registry"}),)),
        ("Negotiate, Basic", (Challenge("negotiate"), Challenge("basic"))),
        ('Bearer realm="a",realm="b"', (Challenge("bearer", {"realm": "a"}),)),
        ('realm="x"', ()),
        ("", ()),
    ],
)
def test_challenges_are_read(text: str, expected: tuple[Challenge, ...]) -> None:
    assert parse_challenges(text) == expected


def test_scopes_of_one_resource_are_put_together() -> None:
    scopes = merge_scopes(
        ("repository:b:pull", "repository:a:push,pull"), ("repository:b:push", "odd")
    )

    assert scopes == ("odd", "repository:a:pull,push", "repository:b:pull,push")


def test_a_long_header_without_end_is_read_in_no_time() -> None:
    assert parse_challenges("Bearer " + 'realm="' + "\\" * 60_000) is not None
