"""A command typed in Slack: its options and words read one by one, and its correction."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from bot.options import Grammar, NotUnderstoodError, corrected, on_command_line, read
from bot.slack_text import near, unquoted, unwrapped, word
from engine.domain.errors import UsageError
from engine.domain.parsing import parse_version
from engine.domain.path import PromotionPath

T = TypeVar("T")
DURATION_LIKE = re.compile(
    r"(?:[0-9]+[dhms])+|[0-9]+(?:min|mins|minutes?|hrs?|hours?|secs?|seconds?|days?|w|weeks?)",
    re.ASCII | re.IGNORECASE,
)
SAY_WHY = "say why, in a few words"
# How often the correction of a command is corrected in turn: each round finds one more fault.
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Help:
    pass


@dataclass(frozen=True, slots=True)
class Line:
    """
    A command as far as it is read: `free` text, and the `values` of options and positions. A free
    reason is the position `text`.
    """

    grammar: Grammar
    path: PromotionPath
    command: str
    free: str
    values: dict[str, str]

    @property
    def reason(self) -> str:
        return self.values.get("text") or self.values.get("reason", "")

    def refusal(self, message: str, **changes: str | None) -> NotUnderstoodError:
        """With the command as it would be after `changes`; None leaves a value out."""
        values = {**self.values, **changes}
        known = {name: value for name, value in values.items() if value is not None}
        return NotUnderstoodError(message, corrected(self.command, self.grammar, known))

    def before(self, target: str | None) -> str | None:
        """The environment that promotions to `target` come from."""
        before = self.path.before(target) if target in self.path.names else None
        return before.name if before else None


def understand(
    text: str, grammar: Grammar, path: PromotionPath, command: str, mean: Callable[[Line], T]
) -> T | Help:
    bare = frozenset({"to", "from"} & {*grammar.names} - {*path.names})

    def understood(line: str) -> T | Help:
        typed = read(line, grammar, command, bare)
        alone = word(typed.free).casefold() in ("help", "?") and not typed.given
        if alone or "help" in typed.given:
            return Help()
        read_line = Line(grammar, path, command, typed.free, {**typed.given})
        meant = mean(read_line)
        _refuse_elsewhere(read_line)
        return meant

    try:
        return understood(unwrapped(text))
    except NotUnderstoodError as refused:
        shown = _understandable(refused.next, command, understood)
        raise NotUnderstoodError(str(refused), shown) from refused


def _understandable(line: str, command: str, understood: Callable[[str], object]) -> str:
    """`line`, corrected until all of it is understood; otherwise the command for help."""
    for _ in range(_ROUNDS):
        if not f"{line} ".startswith(f"{command} "):
            return line
        try:
            understood(line.removeprefix(command))
        except NotUnderstoodError as refused:
            line = refused.next
        else:
            return line
    return f"{command} help"


def _refuse_elsewhere(line: Line) -> None:
    for option in line.grammar.elsewhere:
        if option.name in line.values:
            values = {**line.values}
            if "text" in line.grammar.positions:
                values["reason"] = line.reason or SAY_WHY
            if "version" in line.grammar.positions:
                values.setdefault("version", "v1.2.3")
            raise NotUnderstoodError(
                f"--{option.name} works only on the command line",
                on_command_line(line.grammar, values),
            )


def take_environment(line: Line, text: str) -> str:
    """Read the environment from `text`, unless an option named it; the rest of `text`."""
    first, rest = first_word(text)
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
    """Read `30m` or `for 30m` from `text`; the rest of `text`."""
    first, rest = first_word(text)
    if first.casefold() == "for" and DURATION_LIKE.fullmatch(first_word(rest)[0]):
        first, rest = first_word(rest)
    if not DURATION_LIKE.fullmatch(first):
        return text
    if "for" in line.values:
        raise line.refusal("the duration is given twice", text=rest)
    line.values["for"] = first
    return rest


def take_text(line: Line, text: str) -> None:
    text = unquoted(text.strip())
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
    """Refuse what is no environment, with what may have been meant; `text` follows it."""
    given, names = line.values.get(name), line.path.names
    if given is None or given in names:
        return
    meant = near(given, names)
    suggested = f" Did you mean {meant}?" if meant else ""
    raise line.refusal(
        f"'{given[:60]}' is not an environment.{suggested} Environments: {', '.join(names)}",
        **{name: meant or names[-1]},
        **({} if text is None else {"text": text}),
    )


def first_word(text: str) -> tuple[str, str]:
    """The first word of `text`, and the rest with its spaces."""
    first, *rest = text.split(maxsplit=1) or [""]
    return unquoted(word(first)), rest[0].strip() if rest else ""
