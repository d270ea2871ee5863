"""Parses a typed command step by step, and corrects it where it is invalid."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from bot.menu import Menu
from bot.named_product import take_product
from bot.options import (
    Grammar,
    InvalidCommandError,
    format_cli_command,
    format_command,
    parse_options,
)
from bot.slack_text import (
    normalize,
    split_first_word,
    strip_markup,
    strip_quotes,
)
from engine.domain.errors import UsageError
from engine.domain.parsing import parse_version
from engine.domain.path import PromotionPath
from engine.domain.product import UNNAMED
from engine.domain.text import closest_match

T = TypeVar("T")
DURATION_LIKE = re.compile(
    r"(?:[0-9]+[dhms])+|[0-9]+(?:min|mins|minutes?|hrs?|hours?|secs?|seconds?|days?|w|weeks?)",
    re.ASCII | re.IGNORECASE,
)
SAY_WHY = "say why, in a few words"
# A correction may need corrections itself: every round fixes one error.
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Help:
    pass


@dataclass(frozen=True, slots=True)
class NoProduct:
    """A command without the product, which it needs here; `empty` without any word."""

    text: str
    empty: bool


@dataclass(frozen=True, slots=True)
class Line:
    """
    A partly parsed command: `free` text, and the `values` of options and positions.

    The position `text` is a reason without `--reason`.
    """

    grammar: Grammar
    path: PromotionPath
    command: str
    free: str
    values: dict[str, str]

    @property
    def product(self) -> str:
        return self.values.get("product", UNNAMED)

    @property
    def empty(self) -> bool:
        """Whether nothing but the product is given."""
        return not self.free and self.values.keys() <= {"product"}

    @property
    def reason(self) -> str:
        return self.values.get("text") or self.values.get("reason", "")

    def refusal(self, message: str, **changes: str | None) -> InvalidCommandError:
        """Suggest the command with `changes`; None removes a value."""
        values = {**self.values, **changes}
        known = {name: value for name, value in values.items() if value is not None}
        return InvalidCommandError(message, format_command(self.command, self.grammar, known))

    def before(self, target: str | None) -> str | None:
        """The environment before `target` on the path; None without one, or with several."""
        sources = self.path.sources(target) if target in self.path.names else ()
        return sources[0].name if len(sources) == 1 else None


def parse_line(
    text: str, grammar: Grammar, menu: Menu, command: str, interpret: Callable[[Line], T]
) -> T | Help | NoProduct:
    grammar = grammar.with_products if menu.several else grammar
    dashless = frozenset({"to", "from"} & {*grammar.names} - menu.environments)

    def parse(line: str) -> T | Help | NoProduct:
        typed = parse_options(line, grammar, command, dashless)
        alone = normalize(typed.free).casefold() in ("help", "?") and not typed.given
        if alone or "help" in typed.given:
            return Help()
        if "all" in typed.given:
            return interpret(Line(grammar, menu.union, command, typed.free, {**typed.given}))
        product, free = take_product(typed, menu, grammar, command)
        if product is None:
            return NoProduct(line, not (typed.free or typed.given))
        named = {"product": product} if menu.several else {}
        parsed = Line(grammar, menu.paths[product], command, free, {**typed.given, **named})
        result = interpret(parsed)
        _refuse_command_line_only(parsed)
        return result

    try:
        return parse(strip_markup(text))
    except InvalidCommandError as refused:
        shown = _correct(refused.suggestion, command, parse)
        raise InvalidCommandError(str(refused), shown) from refused


def _correct(line: str, command: str, parse: Callable[[str], object]) -> str:
    """Correct `line` until it is valid; suggest the help command if that fails."""
    for _ in range(_ROUNDS):
        if not f"{line} ".startswith(f"{command} "):
            return line
        try:
            parse(line.removeprefix(command))
        except InvalidCommandError as refused:
            line = refused.suggestion
        else:
            return line
    return f"{command} help"


def _refuse_command_line_only(line: Line) -> None:
    for option in line.grammar.command_line_only:
        if option.name in line.values:
            values = {**line.values}
            if "text" in line.grammar.positions:
                values["reason"] = line.reason or SAY_WHY
            if "version" in line.grammar.positions:
                values.setdefault("version", "v1.2.3")
            raise InvalidCommandError(
                f"--{option.name} exists only on the command line",
                format_cli_command(line.grammar, values),
            )


def take_environment(line: Line, text: str) -> str:
    """Take the environment from `text`, unless an option gave it; return the rest."""
    first, rest = split_first_word(text)
    if "env" in line.values:
        check_environment(line, "env")
        if first in line.path.names:
            raise line.refusal("the environment is given twice", text=rest)
        return text
    if not first:
        raise line.refusal("the environment is missing", env=line.path.names[-1])
    line.values["env"] = first
    check_environment(line, "env", rest)
    return rest


def take_duration(line: Line, text: str) -> str:
    """Take `30m` or `for 30m` from `text`; return the rest."""
    first, rest = split_first_word(text)
    if first.casefold() == "for" and DURATION_LIKE.fullmatch(split_first_word(rest)[0]):
        first, rest = split_first_word(rest)
    if not DURATION_LIKE.fullmatch(first):
        return text
    if "for" in line.values:
        raise line.refusal("the duration is given twice", text=rest)
    line.values["for"] = first
    return rest


def take_text(line: Line, text: str) -> None:
    text = strip_quotes(text.strip())
    if text and "reason" in line.values:
        both = f"{text} {line.values['reason']}"
        raise line.refusal("the reason is given twice: as text and with --reason", reason=both)
    if text:
        line.values["text"] = text


def check_version(line: Line, version: str, example: str = "v1.2.3") -> None:
    try:
        parse_version(version)
    except UsageError as error:
        changes = {"from": line.before(line.values.get("to"))}
        raise line.refusal(str(error), version=example, **changes) from error


def check_environment(line: Line, name: str, text: str | None = None) -> None:
    """Refuse an unknown environment and suggest the closest one; `text` follows it."""
    given, names = line.values.get(name), line.path.names
    if given is None or given in names:
        return
    match = closest_match(given, names)
    hint = f" Did you mean {match}?" if match else ""
    raise line.refusal(
        f"'{given[:60]}' is not an environment.{hint} Environments: {', '.join(names)}",
        **{name: match or names[-1]},
        **({} if text is None else {"text": text}),
    )
