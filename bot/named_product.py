"""Finds the product that a typed command names, or means without a name."""

import re
from collections.abc import Iterator

from bot.menu import Menu
from bot.options import Grammar, InvalidCommandError, ParsedOptions, format_option
from bot.slack_text import split_first_word
from engine.domain.text import closest_match

VERSION_LIKE = re.compile(r"v?[0-9]+\.[0-9]", re.ASCII)


def take_product(
    typed: ParsedOptions, menu: Menu, grammar: Grammar, command: str
) -> tuple[str | None, str]:
    """
    Return the product of a command and the text without it; None if the product is missing.

    An environment of the product that is meant without a name is not taken for a product. Raises
    InvalidCommandError for a word that is none of both.
    """
    free = typed.free
    if not menu.several:
        return menu.default, free
    if "product" in typed.given:
        name, rest = typed.given["product"].casefold(), free
        if name in menu.paths:
            return name, free
    else:
        first, rest = split_first_word(free)
        name = first.casefold()
        if name in menu.paths and name not in menu.here:
            return name, rest
        if name in menu.here or not _is_misspelled(name, menu):
            return menu.default, free
    if name in menu.broken:
        why = f"the product {name} cannot be used: {menu.broken[name]}"
        raise InvalidCommandError(why, f"{command} help")
    match = closest_match(name, [*menu.paths])
    hint = f" Did you mean {match}?" if match else ""
    words = (command, match, rest, *_options(typed, grammar)) if match else (command, "help")
    raise InvalidCommandError(f"'{name[:60]}' is not a product.{hint}", " ".join(words))


def _is_misspelled(name: str, menu: Menu) -> bool:
    """Whether the first word can only be a product, although none has this name."""
    if name in menu.broken:
        return True
    if menu.default is None:
        return bool(name) and not VERSION_LIKE.match(name) and name not in menu.environments
    nearest = closest_match(name, [*menu.here, *menu.paths])
    return nearest in menu.paths and nearest not in menu.here


def _options(typed: ParsedOptions, grammar: Grammar) -> Iterator[str]:
    for option in (*grammar.options, *grammar.command_line_only):
        if option.name in typed.given and option.name != "product":
            yield format_option(option, typed.given[option.name])
