"""The names of products, and of their environments among those of all products."""

from collections.abc import Iterator

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.main import floe
from engine.domain.product import (
    MAX_NAME,
    UNNAMED,
    is_product_name,
    qualified,
    unqualified,
    with_product,
)

WORDS = st.lists(st.text("ab1", min_size=1, max_size=3), min_size=1, max_size=3)
ENVIRONMENTS = WORDS.map("-".join)
PRODUCTS = st.tuples(WORDS, st.sampled_from("._-")).map(lambda pair: pair[1].join(pair[0]))


@pytest.mark.parametrize("name", ["checkout", "a", "payments-api", "web.shop_2", "x" * MAX_NAME])
def test_names_of_products(name: str) -> None:
    assert is_product_name(name)


@pytest.mark.parametrize(
    "name", ["", "Checkout", "a/b", "-a", "a-", "a--b", "a b", "ä", "x" * (MAX_NAME + 1), "a\n"]
)
def test_text_that_names_no_product(name: str) -> None:
    assert not is_product_name(name)


@given(first=st.tuples(PRODUCTS, ENVIRONMENTS), second=st.tuples(PRODUCTS, ENVIRONMENTS))
def test_two_environments_never_share_a_qualified_name(
    first: tuple[str, str], second: tuple[str, str]
) -> None:
    assert (qualified(*first) == qualified(*second)) == (first == second)
    assert qualified("", first[1]) != qualified(*second)


@given(product=st.one_of(st.just(""), PRODUCTS), environment=ENVIRONMENTS)
def test_a_qualified_name_leads_back(product: str, environment: str) -> None:
    assert unqualified(product, qualified(product, environment)) == environment


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (
            "Another person can run: floe platform approve c-1",
            "Another person can run: floe platform approve --product checkout c-1",
        ),
        (
            "damaged: floe platform audit verify --env prod, then floe platform changes show c-1",
            "damaged: floe platform audit verify --product checkout --env prod, then "
            "floe platform changes show --product checkout c-1",
        ),
        ("floe lock --env prod", "floe lock --product checkout --env prod"),
        ("floe changes show c-1", "floe changes show --product checkout c-1"),
        ("List them: floe platform changes", "List them: floe platform changes --product checkout"),
        *((each, each) for each in ("floe platform status --all", "floe keys generate", "floe")),
    ],
)
def test_commands_in_texts_name_the_product(text: str, named: str) -> None:
    assert with_product(text, "checkout") == named
    assert with_product(named, "checkout") == named
    assert with_product(text, UNNAMED) == text
    assert with_product(text, r"\1") == text


def test_commands_that_get_a_product_in_texts_have_the_option() -> None:
    for command, path in commands_below(floe, "floe"):
        if with_product(path, "checkout") != path:
            assert "--product" in {option for each in command.params for option in each.opts}, path


def commands_below(command: click.Command, path: str) -> Iterator[tuple[click.Command, str]]:
    if not isinstance(command, click.Group):
        yield command, path
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        if (inner := command.get_command(context, name)) is not None:
            yield from commands_below(inner, f"{path} {name}")
