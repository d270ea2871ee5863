"""The options of `floe platform`, as people type them in Slack."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.slack_text import near, word
from engine.domain.errors import UsageError


class NotUnderstoodError(UsageError):
    """Typed text that has no meaning; `next` is the corrected command, as far as it is known."""

    def __init__(self, message: str, next_command: str) -> None:
        super().__init__(message)
        self.next = " ".join(next_command.split())


@dataclass(frozen=True, slots=True)
class Option:
    """`example` shows a value; empty for a flag. `help` is empty for options Slack has not."""

    name: str
    example: str = ""
    help: str = ""

    @property
    def usage(self) -> str:
        return f"--{self.name} {self.example}".rstrip()


_FROM = Option("from", "staging", "where it comes from; by default the environment before")
_TO = Option("to", "prod", "where it goes")
_ENV = Option("env", "prod", "the environment")
_FOR = Option("for", "30m", "how long: 30m, 2h, 1d; without it until somebody unlocks")
REASON = Option("reason", '"say why"', "why, in quotation marks or up to the next option")
_OLDER = Option("allow-older", help="accepts a version older than the running one; needs a reason")
_ROLLED_BACK = Option(
    "override-rollback", help="accepts a version its source was rolled back from; needs a reason"
)
_ON_A_TERMINAL = (Option("manifest", "manifest.yaml"), Option("output", "json"))
_RUN = (Option("dry-run"), Option("wait", "10m"), *_ON_A_TERMINAL)


@dataclass(frozen=True, slots=True)
class Grammar:
    """
    A command: its verb after `floe platform`, its words in order, and its options. `elsewhere` are
    the options that only the command line has. The position `text` is a reason without `--reason`.
    """

    verb: str
    positions: tuple[str, ...]
    options: tuple[Option, ...]
    elsewhere: tuple[Option, ...] = _ON_A_TERMINAL

    def option(self, name: str) -> Option | None:
        every = (*self.options, *self.elsewhere)
        return next((each for each in every if each.name == name), None)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.options)


PROMOTE = Grammar(
    "promote",
    ("version", "from", "to"),
    (_FROM, _TO, _OLDER, _ROLLED_BACK, REASON),
    (*_RUN, Option("run-gates")),
)
ROLLBACK = Grammar("rollback", ("version", "env", "text"), (_ENV, REASON), _RUN)
LOCK = Grammar("lock", ("env", "for", "text"), (_ENV, _FOR, REASON))
UNLOCK = Grammar("unlock", ("env", "text"), (_ENV, REASON))
PROMOTIONS = Grammar(
    "status",
    ("env",),
    (_ENV,),
    (Option("history", "10"), Option("format", "json"), *_ON_A_TERMINAL),
)

_WORD = re.compile(r"\S+")
# After `word`, which leaves one kind of dash and of quotation mark. Text may quote or mark it.
_OPTION = re.compile(r"""["'`(\[{<*_~]*-+(?P<name>\w[^\s=]*)=?""")
_SPELLED = re.compile(r"-+[^\s=]+")
# An option that a phone, or somebody, wrote without the space before it.
_DASHES = r"(?:[-‐‑−－﹣]{2,}|[‒–—―⸺⸻])"


@dataclass(frozen=True, slots=True)
class Typed:
    """`given` has the values of options, and nothing for flags; `free` is the other text."""

    free: str
    given: Mapping[str, str]


def read(text: str, grammar: Grammar, command: str, bare: frozenset[str]) -> Typed:
    """
    The options in `text`. `bare` words name an option without dashes. NotUnderstoodError for what
    looks like an option and is none.
    """
    free, given, start = [], {}, 0
    for option, found, end, value in _options(text, grammar, command, bare):
        if option.name in given:
            without = f"{command} {text[: found.start()]} {text[end:]}"
            raise NotUnderstoodError(f"--{option.name} is given twice", without)
        free.append(text[start : found.start()])
        given[option.name] = value
        start = end
    free.append(text[start:])
    return Typed(" ".join(part.strip() for part in free if part.strip()), given)


def _options(
    text: str, grammar: Grammar, command: str, bare: frozenset[str]
) -> Iterator[tuple[Option, re.Match[str], int, str]]:
    """Every option with its word, where it ends, and its value."""
    position = 0
    while found := _WORD.search(text, position):
        typed = word(found[0])
        position = found.end()
        named = _OPTION.match(typed)
        if named:
            name = named["name"].casefold()
        elif typed.casefold() in bare:
            name = typed.casefold()
        else:
            _refuse_joined(text, found, grammar, command)
            continue
        if name in ("help", "h"):
            yield Option("help"), found, position, ""
            continue
        option = grammar.option(name)
        if option is None or (named and not _SPELLED.match(typed)):
            raise _unknown(text, found, grammar, command)
        value, position = _value(text, found, option, grammar, command)
        yield option, found, position, value


def _value(
    text: str, found: re.Match[str], option: Option, grammar: Grammar, command: str
) -> tuple[str, int]:
    """The value after an option, and where it ends."""
    equals = next((i for i, char in enumerate(found[0]) if word(char) == "="), None)
    if not option.example:
        if equals is None:
            return "", found.end()
        line = f"{command} {text[: found.start()]} --{option.name} {text[found.end() :]}"
        raise NotUnderstoodError(f"--{option.name} takes no value", line)
    after = found.end() if equals is None else found.start() + equals + 1
    start = len(text) - len(text[after:].lstrip())
    closed = end = _end_of_quoted(text, start)
    if closed:
        value = text[start + 1 : end - 1].strip()
    elif equals is not None and option is not REASON:
        end = found.end()
        value = text[after:end]
    else:
        end = _end_of_value(text, start, option)
        value = text[start:end]
        for part in _WORD.finditer(text, start, end):
            _refuse_joined(text, part, grammar, command)
    spelled = f"{command} {text[: found.start()]} --{option.name}{' ' if equals is None else '='}"
    if not value:
        line = f"{spelled}{option.example} {text[end:]}"
        raise NotUnderstoodError(f"--{option.name} needs a value", line)
    if word(text[start]) == '"' and (not closed or '"' in word(value)):
        raise NotUnderstoodError("a quotation mark has no end", f'{spelled}{text[start:]}"')
    return value if option is REASON else word(value), end


def _end_of_value(text: str, start: int, option: Option) -> int:
    """A reason goes on until the next option; every other value is one word."""
    end = start
    for part in _WORD.finditer(text, start):
        if _OPTION.match(word(part[0])):
            break
        end = part.end()
        if option is not REASON:
            break
    return end


def _end_of_quoted(text: str, start: int) -> int:
    """Where the text between quotation marks at `start` ends; 0 without them."""
    mark = word(text[start : start + 1])
    ends = (
        end + 1
        for end in range(start + 1, len(text))
        if word(text[end]) == mark and not text[end + 1 : end + 2].strip()
    )
    return next(ends, 0) if mark in ("'", '"') else 0


def _unknown(text: str, found: re.Match[str], grammar: Grammar, command: str) -> NotUnderstoodError:
    typed = word(found[0])
    spelled, _, value = typed.partition("=")
    every = [each.name for each in (*grammar.options, *grammar.elsewhere)]
    meant = near(re.sub(r"^\W+", "", spelled), every) if _SPELLED.match(typed) else None
    instead = f"--{meant}{'=' if value else ''}{value}" if meant else ""
    hint = f" Did you mean --{meant}?" if meant else ""
    offered = ", ".join(f"--{name}" for name in grammar.names)
    quote = ' Text with dashes goes into --reason "…".' if REASON in grammar.options else ""
    return NotUnderstoodError(
        f"'{spelled[:60]}' is not an option of {command or 'this form'}.{hint} "
        f"Options: {offered}.{quote}",
        f"{command} {text[: found.start()]} {instead} {text[found.end() :]}",
    )


def _refuse_joined(text: str, found: re.Match[str], grammar: Grammar, command: str) -> None:
    """Refuse `v1.2.3—to`: it could be read as a version."""
    every = "|".join(each.name for each in (*grammar.options, *grammar.elsewhere))
    joined = re.search(rf"(?<=[\w\"'”’]){_DASHES}(?P<name>{every})(?![\w-])", found[0], re.I)
    if joined:
        name = joined["name"].casefold()
        before, after = found[0][: joined.start()], found[0][joined.end() :]
        raise NotUnderstoodError(
            f"'{word(found[0])[:60]}' is not understood: put a space before --{name}",
            f"{command} {text[: found.start()]}{before} --{name}{after} {text[found.end() :]}",
        )


def corrected(command: str, grammar: Grammar, values: Mapping[str, str]) -> str:
    """The command with `values`, as it is typed in Slack."""
    words = [command]
    words += [values.get(name, "") for name in grammar.positions]
    for each in (*grammar.options, *grammar.elsewhere):
        if each.name in values and each.name not in grammar.positions:
            words.append(_written(each, values[each.name]))
    return " ".join(words)


def on_command_line(grammar: Grammar, values: Mapping[str, str]) -> str:
    """The same command for a terminal."""
    options = [
        _written(each, values[each.name])
        for each in (*grammar.options, *grammar.elsewhere)
        if each.name in values
    ]
    return " ".join(("floe platform", grammar.verb, values.get("version", ""), *options))


def _written(option: Option, value: str) -> str:
    if option is REASON:
        value = f'"{value.replace(chr(34), chr(39))}"'
    return f"--{option.name} {value}".rstrip()
