"""Parses the options of `floe platform` commands that are typed in Slack."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from bot.slack_text import normalize
from engine.domain.errors import UsageError
from engine.domain.text import closest_match


class InvalidCommandError(UsageError):
    """A typed command is invalid; `suggestion` is the corrected command or the help."""

    def __init__(self, message: str, suggestion: str) -> None:
        super().__init__(message)
        self.suggestion = " ".join(suggestion.split())


@dataclass(frozen=True, slots=True)
class Option:
    """An option; `example` is empty for a flag, `help` for options that Slack does not have."""

    name: str
    example: str = ""
    help: str = ""

    @property
    def usage(self) -> str:
        return f"--{self.name} {self.example}".rstrip()


_PRODUCT = Option("product", "checkout", "the product, if it is not the first word")
_FROM = Option("from", "staging", "the source; by default the previous environment")
_TO = Option("to", "prod", "the target")
_ENV = Option("env", "prod", "the environment")
_FOR = Option("for", "30m", "the duration: 30m, 2h or 1d; without it, until it is unlocked")
REASON = Option("reason", '"say why"', "the reason, in quotation marks or up to the next option")
_ALL = Option("all", help="the environment of every product that has it and that you may lock")
_OLDER = Option("allow-older", help="accepts a version older than the running one; needs a reason")
_ROLLED_BACK = Option(
    "override-rollback", help="accepts a version its source was rolled back from; needs a reason"
)
_AT = Option("at", "2026-12-01T09:00[Europe/Berlin]", "the time at which it is carried out")
_GLASS = Option("break-glass", help="skips approvals, windows and locks in an incident")
_INCIDENT = Option("incident", "INC-42", "the incident of a break-glass; needs a reason too")
_TERMINAL = (Option("manifest", "manifest.yaml"), Option("output", "json"), Option("quiet"))
_SHOWN = (Option("all"), Option("history", "10"), Option("watch"), Option("web"))
_RUN = (Option("dry-run"), Option("wait", "10m"), *_TERMINAL)


@dataclass(frozen=True, slots=True)
class Grammar:
    """
    A command: its verb after `floe platform`, its positions, and its options.

    `command_line_only` are options that Slack does not have, and `of_products` are further ones of
    Slack where products have names. The position `text` is a reason without `--reason`.
    """

    verb: str
    positions: tuple[str, ...]
    options: tuple[Option, ...]
    command_line_only: tuple[Option, ...] = _TERMINAL
    of_products: tuple[Option, ...] = ()

    def option(self, name: str) -> Option | None:
        every = (*self.options, *self.command_line_only)
        return next((each for each in every if each.name == name), None)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.options)

    @property
    def with_products(self) -> "Grammar":
        """The command where products have names: one comes first."""
        options = (_PRODUCT, *self.options, *self.of_products)
        return replace(self, positions=("product", *self.positions), options=options)


PROMOTE = Grammar(
    "promote",
    ("version", "from", "to"),
    (_FROM, _TO, _OLDER, _ROLLED_BACK, _GLASS, _INCIDENT, _AT, REASON),
    (*_RUN, Option("run-gates")),
)
ROLLBACK = Grammar(
    "rollback",
    ("version", "env", "text"),
    (_ENV, _GLASS, _INCIDENT, REASON),
    (Option("no-quarantine"), *_RUN),
)
WAIVE = Grammar(
    "waive",
    ("vulnerability", "env", "text"),
    (
        _ENV,
        Option("package", "pkg:npm/lodash", "only in this package; without it, in every package"),
        Option("until", "2026-12-24", "the end, in at most 90 days"),
        REASON,
    ),
    (Option("wait", "10m"), *_TERMINAL),
)
LOCK = Grammar("lock", ("env", "for", "text"), (_ENV, _FOR, REASON), of_products=(_ALL,))
UNLOCK = Grammar("unlock", ("env", "text"), (_ENV, REASON))
PROMOTIONS = Grammar(
    "status",
    ("env",),
    (_ENV,),
    (*_SHOWN, Option("format", "json"), *_TERMINAL),
)

_WORD = re.compile(r"\S+")
# Applied to normalized words. Quotation marks and Markdown may precede the dashes.
_OPTION = re.compile(r"""["'`(\[{<*_~]*-+(?P<name>\w[^\s=]*)=?""")
_SPELLED = re.compile(r"-+[^\s=]+")
# Dashes of an option that has no space before it, as phones write them.
_DASHES = r"(?:[-‐‑−－﹣]{2,}|[‒–—―⸺⸻])"


@dataclass(frozen=True, slots=True)
class ParsedOptions:
    """The values of options, empty for flags, and the `free` text between them."""

    free: str
    given: Mapping[str, str]


def parse_options(
    text: str, grammar: Grammar, command: str, dashless: frozenset[str]
) -> ParsedOptions:
    """
    Parse the options in `text`; `dashless` option names need no dashes.

    Raises InvalidCommandError for unknown options.
    """
    free, given, start = [], {}, 0
    for option, found, end, value in _options(text, grammar, command, dashless):
        if option.name in given:
            without = f"{command} {text[: found.start()]} {text[end:]}"
            raise InvalidCommandError(f"--{option.name} is given twice", without)
        free.append(text[start : found.start()])
        given[option.name] = value
        start = end
    free.append(text[start:])
    return ParsedOptions(" ".join(part.strip() for part in free if part.strip()), given)


def _options(
    text: str, grammar: Grammar, command: str, dashless: frozenset[str]
) -> Iterator[tuple[Option, re.Match[str], int, str]]:
    """Each option with its word, its end and its value."""
    position = 0
    while found := _WORD.search(text, position):
        typed = normalize(found[0])
        position = found.end()
        named = _OPTION.match(typed)
        if named:
            name = named["name"].casefold()
        elif typed.casefold() in dashless:
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
    """The value of an option, and its end."""
    equals = next((i for i, char in enumerate(found[0]) if normalize(char) == "="), None)
    if not option.example:
        if equals is None:
            return "", found.end()
        line = f"{command} {text[: found.start()]} --{option.name} {text[found.end() :]}"
        raise InvalidCommandError(f"--{option.name} takes no value", line)
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
        raise InvalidCommandError(f"--{option.name} needs a value", line)
    if normalize(text[start]) == '"' and (not closed or '"' in normalize(value)):
        raise InvalidCommandError("a quotation mark is not closed", f'{spelled}{text[start:]}"')
    return value if option is REASON else normalize(value), end


def _end_of_value(text: str, start: int, option: Option) -> int:
    """A reason extends to the next option; other values are one word."""
    end = start
    for part in _WORD.finditer(text, start):
        if _OPTION.match(normalize(part[0])):
            break
        end = part.end()
        if option is not REASON:
            break
    return end


def _end_of_quoted(text: str, start: int) -> int:
    """The end of the quoted text at `start`; 0 if it is not quoted."""
    mark = normalize(text[start : start + 1])
    ends = (
        end + 1
        for end in range(start + 1, len(text))
        if normalize(text[end]) == mark and not text[end + 1 : end + 2].strip()
    )
    return next(ends, 0) if mark in ("'", '"') else 0


def _unknown(
    text: str, found: re.Match[str], grammar: Grammar, command: str
) -> InvalidCommandError:
    typed = normalize(found[0])
    spelled, _, value = typed.partition("=")
    every = [each.name for each in (*grammar.options, *grammar.command_line_only)]
    match = closest_match(re.sub(r"^\W+", "", spelled), every) if _SPELLED.match(typed) else None
    instead = f"--{match}{'=' if value else ''}{value}" if match else ""
    hint = f" Did you mean --{match}?" if match else ""
    offered = ", ".join(f"--{name}" for name in grammar.names)
    quote = ' Put text with dashes into --reason "…".' if REASON in grammar.options else ""
    return InvalidCommandError(
        f"'{spelled[:60]}' is not an option of {command or 'this form'}.{hint} "
        f"Options: {offered}.{quote}",
        f"{command} {text[: found.start()]} {instead} {text[found.end() :]}",
    )


def _refuse_joined(text: str, found: re.Match[str], grammar: Grammar, command: str) -> None:
    """Refuse `v1.2.3—to`, which would be parsed as a version."""
    every = "|".join(each.name for each in (*grammar.options, *grammar.command_line_only))
    joined = re.search(rf"(?<=[\w\"'”’]){_DASHES}(?P<name>{every})(?![\w-])", found[0], re.I)
    if joined:
        name = joined["name"].casefold()
        before, after = found[0][: joined.start()], found[0][joined.end() :]
        raise InvalidCommandError(
            f"'{normalize(found[0])[:60]}' needs a space before --{name}",
            f"{command} {text[: found.start()]}{before} --{name}{after} {text[found.end() :]}",
        )


def format_command(command: str, grammar: Grammar, values: Mapping[str, str]) -> str:
    """Format a slash command with `values`."""
    words = [command]
    words += [values.get(name, "") for name in grammar.positions]
    for each in (*grammar.options, *grammar.command_line_only):
        if each.name in values and each.name not in grammar.positions:
            words.append(format_option(each, values[each.name]))
    return " ".join(words)


def format_cli_command(grammar: Grammar, values: Mapping[str, str]) -> str:
    """Format the `floe platform` command with `values`."""
    options = [
        format_option(each, values[each.name])
        for each in (*grammar.options, *grammar.command_line_only)
        if each.name in values
    ]
    return " ".join(("floe platform", grammar.verb, values.get("version", ""), *options))


def format_option(option: Option, value: str) -> str:
    if option is REASON:
        value = f'"{value.replace(chr(34), chr(39))}"'
    return f"--{option.name} {value}".rstrip()
