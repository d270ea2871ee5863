"""What people type to the bot: understood, or answered with what was not and what would be."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.overrides import overrides_in
from bot.words import near, split, unwrapped, word
from engine.domain.errors import PromotionError, UsageError
from engine.domain.operator import IdentitySource, Operator
from engine.domain.overrides import NO_OVERRIDES, Overrides
from engine.domain.parsing import (
    lock_request,
    lock_seconds,
    parse_version,
    promotion_request,
    rollback_request,
    unlock_request,
)
from engine.domain.path import PromotionPath

_VERSION_LIKE = re.compile(r"v?[0-9]+\.[0-9]", re.ASCII)
_DURATION_LIKE = re.compile(
    r"(?:[0-9]+[dhms])+|[0-9]+(?:min|mins|minutes?|hrs?|hours?|secs?|seconds?|days?|w|weeks?)",
    re.ASCII | re.IGNORECASE,
)
_CONNECTING = frozenset({"->", "=>", "→", "to", "from", "--to", "--from"})
_NOBODY = Operator("nobody", "nobody", IdentitySource.SLACK, verified=False)
_NO_TRACE = "0" * 32
# Where the right word goes in a command that is suggested.
_HERE = "\0"
SAY_WHY = "say why, in a few words"


class NotUnderstoodError(UsageError):
    """What was typed has no meaning here; `next` is the command that has, as far as is known."""

    def __init__(self, message: str, next_command: str) -> None:
        super().__init__(message)
        self.next = next_command


@dataclass(frozen=True, slots=True)
class Promote:
    version: str
    source: str | None
    target: str
    overrides: Overrides = NO_OVERRIDES


@dataclass(frozen=True, slots=True)
class PromoteForm:
    """As far as it was said; the rest is asked for."""

    version: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Rollback:
    """`version` None is the one before."""

    version: str | None
    target: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Lock:
    """Without a `reason` it is asked for."""

    target: str
    duration: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unlock:
    target: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Promotions:
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Help:
    pass


def parse_promote(text: str, path: PromotionPath, command: str) -> Promote | PromoteForm | Help:
    """`v1.2.3 staging prod`, `v1.2.3 prod`, or a part of it; options only with all of it."""
    rest, overrides = overrides_in(unwrapped(text))
    every = [word(part) for part in rest.split()]
    words = [w for w in every if w and (w not in _CONNECTING or w in path.names)]
    if _asks_for_help(words):
        return Help()
    if len(words) < 2 and overrides:
        example = f"{command} v1.2.3 {' '.join(_step_to(path, path.names[-1]))}"
        raise _not_understood(
            f"{' and '.join(overrides.options)} needs a version and an environment",
            f"{example} {' '.join(overrides.options)} --reason {SAY_WHY}",
        )
    if not words:
        return PromoteForm()
    if len(words) > 3:
        raise _not_understood(
            f"{len(words)} words are too many: a version, the environment it comes from, and the "
            "one it goes to",
            f"{command} {' '.join(words[:3])}",
        )
    if len(words) == 1:
        return _begun(words[0], path, command)
    version, *places = _version_first(
        words, command, f"{command} v1.2.3 {' '.join(_step_to(path, words[-1]))}"
    )
    _known(places, path, f"{command} {version} {_HERE}")
    source, target = (None, places[0]) if len(places) == 1 else (places[0], places[1])
    onward = " ".join(_step_to(path, target))
    _version(version, f"{command} v1.2.3 {onward}")
    with_next = [command, version, onward, *overrides.options]
    with_next += ["--reason", overrides.reason or SAY_WHY] if overrides else []
    try:
        request = promotion_request(path, version, source, target, _NOBODY, _NO_TRACE, overrides)
    except PromotionError as error:
        raise NotUnderstoodError(str(error), " ".join(with_next)) from error
    return Promote(str(request.version), request.source, target, request.overrides)


def parse_rollback(text: str, path: PromotionPath, command: str) -> Rollback | Help:
    """`v1.2.2 prod [reason]`, or `prod` for the version before."""
    words, rest = split(unwrapped(text), 2)
    if not words or _asks_for_help(words):
        return Help()
    if words[0] in path.names and not (len(words) == 2 and _VERSION_LIKE.match(words[1])):
        reason = " ".join([*words[1:], rest]).strip()
        return Rollback(None, words[0], reason)
    if len(words) == 1:
        if _VERSION_LIKE.match(words[0]):
            last = path.names[-1]
            raise _not_understood("the environment is missing", f"{command} {words[0]} {last}")
        _known(words, path, f"{command} {_HERE}")
    place = words[1] if words[1] in path.names else path.names[-1]
    version, target = _version_first(words, command, f"{command} v1.2.2 {place}")
    _known([target], path, f"{command} {version} {_HERE}")
    try:
        request = rollback_request(path, version, target, _NOBODY, _NO_TRACE, rest or SAY_WHY)
    except PromotionError as error:
        raise NotUnderstoodError(str(error), f"{command} v1.2.2 {target}") from error
    return Rollback(str(request.version), target, rest)


def parse_lock(text: str, path: PromotionPath, command: str) -> Lock | Help:
    """`prod [30m] reason`."""
    words, rest = split(unwrapped(text), 1)
    if not words or _asks_for_help(words):
        return Help()
    target = words[0]
    if target not in path.names:
        _swapped_lock(target, rest, path, command)
        _known([target], path, f"{command} {_HERE} {rest}")
    duration, reason = _duration_of(rest)
    try:
        if duration is not None:
            lock_seconds(duration)
        lock_request(path, target, _NOBODY, _NO_TRACE, reason or SAY_WHY, duration)
    except PromotionError as error:
        raise NotUnderstoodError(str(error), f"{command} {target} 30m {reason}".strip()) from error
    return Lock(target, duration, reason)


def parse_unlock(text: str, path: PromotionPath, command: str) -> Unlock | Help:
    """`prod reason`."""
    words, reason = split(unwrapped(text), 1)
    if not words or _asks_for_help(words):
        return Help()
    _known(words, path, f"{command} {_HERE} {reason}")
    try:
        unlock_request(path, words[0], _NOBODY, _NO_TRACE, reason or SAY_WHY)
    except PromotionError as error:
        raise NotUnderstoodError(str(error), f"{command} {words[0]} {SAY_WHY}") from error
    return Unlock(words[0], reason)


def parse_promotions(text: str, path: PromotionPath, command: str) -> Promotions | Help:
    """`[env]`."""
    words, _ = split(unwrapped(text), 1)
    if _asks_for_help(words):
        return Help()
    _known(words, path, f"{command} {_HERE}")
    return Promotions(words[0] if words else None)


def _asks_for_help(words: Sequence[str]) -> bool:
    return len(words) == 1 and words[0].casefold() in ("help", "?", "--help", "-h")


def _begun(only: str, path: PromotionPath, command: str) -> PromoteForm:
    if only in path.names:
        return PromoteForm(target=only)
    if _VERSION_LIKE.match(only):
        return PromoteForm(version=_version(only, f"{command} v1.2.3 {path.names[-1]}"))
    _known([only], path, f"{command} v1.2.3 {_HERE}")
    return PromoteForm()


def _version(text: str, next_command: str) -> str:
    try:
        return str(parse_version(text))
    except UsageError as error:
        raise NotUnderstoodError(str(error), next_command) from error


def _version_first(words: Sequence[str], command: str, example: str) -> list[str]:
    """The words, provided that the first can be the version: kinds tell when they are swapped."""
    first, *others = words
    version = next((w for w in others if _VERSION_LIKE.match(w)), None)
    if version is not None and not _VERSION_LIKE.match(first):
        rest = " ".join(w for w in words if w != version)
        raise _not_understood(
            f"{version} is the version: it comes first", f"{command} {version} {rest}"
        )
    if not _VERSION_LIKE.match(first):
        _version(first, example)
    return list(words)


def _known(names: Sequence[str], path: PromotionPath, next_command: str) -> None:
    """Refuse what is no environment, with what may have been meant."""
    for name in names:
        if name in path.names:
            continue
        meant = near(name, path.names)
        suggested = f" Did you mean {meant}?" if meant else ""
        corrected = " ".join((meant or path.names[-1]) if n == name else n for n in names)
        raise _not_understood(
            f"'{name[:60]}' is not an environment.{suggested} Environments: "
            f"{', '.join(path.names)}",
            next_command.replace(_HERE, corrected, 1),
        )


def _swapped_lock(first: str, rest: str, path: PromotionPath, command: str) -> None:
    second, *others = rest.split(maxsplit=1) or [""]
    if _DURATION_LIKE.fullmatch(first) and word(second) in path.names:
        reason = others[0] if others else ""
        raise _not_understood(
            f"{first} is for how long: it comes after the environment",
            f"{command} {word(second)} {first} {reason}".strip(),
        )


def _duration_of(rest: str) -> tuple[str | None, str]:
    first, *others = rest.split(maxsplit=1) or [""]
    if _DURATION_LIKE.fullmatch(word(first)):
        return word(first), others[0].strip() if others else ""
    return None, rest


def _step_to(path: PromotionPath, target: str) -> list[str]:
    """The words of the one step that leads to `target`, as they are typed."""
    if target not in path.names:
        target = path.names[-1]
    before = path.before(target)
    return [before.name, target] if before else [target]


def _not_understood(message: str, next_command: str) -> NotUnderstoodError:
    return NotUnderstoodError(message, " ".join(next_command.split()))
