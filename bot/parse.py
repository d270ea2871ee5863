"""Parses commands typed in Slack, or refuses them with a corrected command."""

import re
from dataclasses import dataclass

from bot.line import (
    DURATION_LIKE,
    SAY_WHY,
    Help,
    Line,
    NoProduct,
    check_environment,
    check_version,
    parse_line,
    take_duration,
    take_environment,
    take_text,
)
from bot.menu import Menu
from bot.named_product import VERSION_LIKE
from bot.options import LOCK, PROMOTE, PROMOTIONS, ROLLBACK, UNLOCK
from bot.slack_text import normalize, split_first_word, strip_quotes
from engine.domain.errors import PromotionError
from engine.domain.operator import IdentitySource, Operator
from engine.domain.overrides import NO_OVERRIDES, Overrides
from engine.domain.parsing import (
    parse_incident,
    parse_lock_duration,
    parse_lock_request,
    parse_promotion_request,
    parse_rollback_request,
    parse_unlock_request,
)
from engine.domain.path import NO_ENVIRONMENT
from engine.domain.product import UNNAMED
from engine.domain.text import closest_match

_ARROW = re.compile(r"[-=]+>|→")
_NO_OPERATOR = Operator("nobody", "nobody", IdentitySource.SLACK, verified=False)
_NO_TRACE = "0" * 32


@dataclass(frozen=True, slots=True)
class Promote:
    version: str
    source: str | None
    target: str
    overrides: Overrides = NO_OVERRIDES
    product: str = UNNAMED
    at: str = ""


@dataclass(frozen=True, slots=True)
class PromoteForm:
    """The values given so far; a form asks for the rest."""

    version: str = ""
    target: str = ""
    product: str = UNNAMED
    at: str = ""


@dataclass(frozen=True, slots=True)
class Rollback:
    """A rollback; without a version, to the previous one."""

    version: str | None
    target: str
    reason: str = ""
    product: str = UNNAMED
    incident: str = ""


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock; without a reason, a form asks for it."""

    target: str
    duration: str | None = None
    reason: str = ""
    product: str = UNNAMED
    every_product: bool = False


@dataclass(frozen=True, slots=True)
class Unlock:
    target: str
    reason: str = ""
    product: str = UNNAMED


@dataclass(frozen=True, slots=True)
class Promotions:
    target: str | None = None
    product: str = UNNAMED


def parse_promote(text: str, menu: Menu, command: str) -> Promote | PromoteForm | Help | NoProduct:
    """Parse `v1.2.3 staging prod`, `v1.2.3 prod` or a part of it."""
    return parse_line(text, PROMOTE, menu, command, _promote)


def parse_rollback(text: str, menu: Menu, command: str) -> Rollback | Help | NoProduct:
    """Parse `v1.2.2 prod [reason]`, or `prod` for the previous version."""
    return parse_line(text, ROLLBACK, menu, command, _rollback)


def parse_lock(text: str, menu: Menu, command: str) -> Lock | Help | NoProduct:
    """Parse `prod [30m] reason`."""
    return parse_line(text, LOCK, menu, command, _lock)


def parse_unlock(text: str, menu: Menu, command: str) -> Unlock | Help | NoProduct:
    """Parse `prod reason`."""
    return parse_line(text, UNLOCK, menu, command, _unlock)


def parse_promotions(text: str, menu: Menu, command: str) -> Promotions | Help | NoProduct:
    """Parse `[env]`."""
    return parse_line(text, PROMOTIONS, menu, command, _promotions)


def _promote(line: Line) -> Promote | PromoteForm:
    values = line.values
    _assign_words(line)
    version, target = values.get("version"), values.get("to")
    if version is not None:
        check_version(line, version)
    for name in ("from", "to"):
        if not (name == "from" and values.get(name) == NO_ENVIRONMENT):
            check_environment(line, name)
    if not (version and target):
        return _incomplete_promotion(line, version, target)
    overrides = Overrides(
        "allow-older" in values, "override-rollback" in values, line.reason, _incident(line)
    )
    try:
        request = parse_promotion_request(
            line.path, version, values.get("from"), target, _NO_OPERATOR, _NO_TRACE, overrides
        )
    except PromotionError as error:
        reason = (line.reason or SAY_WHY) if overrides else None
        raise line.refusal(str(error), **{"from": line.before(target)}, reason=reason) from error
    if request.source in (NO_ENVIRONMENT, *line.path.names):
        values["from"] = request.source
    named = (str(request.version), request.source, target)
    return Promote(*named, request.overrides, line.product, values.get("at", ""))


def _incident(line: Line) -> str:
    """The incident of a break-glass; empty without one."""
    values = line.values
    try:
        return parse_incident("break-glass" in values, values.get("incident", ""))
    except PromotionError as error:
        fixed = {"break-glass": "", "incident": values.get("incident") or "INC-42"}
        raise line.refusal(str(error), **fixed, reason=line.reason or SAY_WHY) from error


def _assign_words(line: Line) -> None:
    """Assign the words of a promotion to its version and environments."""
    every = (strip_quotes(normalize(part)) for part in line.free.split())
    words = [given for given in every if given and not _ARROW.fullmatch(given)]
    if not words:
        return
    like = next((given for given in words if VERSION_LIKE.match(given)), None)
    places = [*words]
    if like:
        places.remove(like)
        line.values["version"] = like
    elif len(words) > 1 or ("to" in line.values and words[0] not in line.path.names):
        line.values["version"] = places.pop(0)
    free = [name for name in ("from", "to") if name not in line.values]
    line.values.update(zip(free[-len(places) :], places, strict=False))
    if len(places) > len(free):
        raise line.refusal(
            f"{len(words)} words are too many: give a version, a source and a target environment"
        )
    if like and words[0] != like:
        raise line.refusal(f"the version {like} must come first")


def _incomplete_promotion(line: Line, version: str | None, target: str | None) -> PromoteForm:
    """Open a form for the rest, unless options are given, which the form does not have."""
    if line.values.keys() <= {"product", "version", "to", "at"}:
        at = line.values.get("at", "")
        return PromoteForm(version or "", target or "", line.product, at)
    source = line.values.get("from", "")
    names = line.path.names
    following = names[(names.index(source) + 1) % len(names)] if source in names else names[-1]
    target = target or following
    raise line.refusal(
        f"the {'target environment' if version else 'version'} is missing",
        version=version or "v1.2.3",
        to=target,
        **{"from": source or line.before(target)},
    )


def _rollback(line: Line) -> Rollback | Help:
    if line.empty:
        return Help()
    head, rest = split_first_word(line.free)
    if VERSION_LIKE.match(head):
        line.values["version"] = head
    else:
        rest = line.free
        _refuse_misplaced_version(line)
    take_text(line, take_environment(line, rest))
    version, target = line.values.get("version"), line.values["env"]
    incident = _incident(line)
    if version is None:
        return Rollback(None, target, line.reason, line.product, incident)
    try:
        request = parse_rollback_request(
            line.path, version, target, _NO_OPERATOR, _NO_TRACE, line.reason or SAY_WHY
        )
    except PromotionError as error:
        raise line.refusal(str(error), version="v1.2.2") from error
    return Rollback(str(request.version), target, line.reason, line.product, incident)


def _refuse_misplaced_version(line: Line) -> None:
    """Refuse `prod v1.2.2`, and `v9 prod`."""
    first, rest = split_first_word(line.free)
    second, text = split_first_word(rest)
    if "env" in line.values or not rest:
        return
    if first in line.path.names:
        if VERSION_LIKE.match(second):
            raise line.refusal(
                f"the version {second} must come first", version=second, env=first, text=text
            )
    elif not closest_match(first, line.path.names):
        place = second if second in line.path.names else line.path.names[-1]
        line.values.update(env=place, text=text)
        check_version(line, first, "v1.2.2")


def _lock(line: Line) -> Lock | Help:
    if line.empty:
        return Help()
    if {"all", "product"} <= line.values.keys():
        raise line.refusal("--all and --product exclude each other", product=None)
    first, rest = split_first_word(line.free)
    second, text = split_first_word(rest)
    if DURATION_LIKE.fullmatch(first) and second in line.path.names:
        raise line.refusal(
            f"the duration {first} must come after the environment",
            **{"env": second, "for": first},
            text=text,
        )
    take_text(line, take_duration(line, take_environment(line, line.free)))
    target, duration = line.values["env"], line.values.get("for")
    try:
        if duration is not None:
            parse_lock_duration(duration)
        parse_lock_request(
            line.path, target, _NO_OPERATOR, _NO_TRACE, line.reason or SAY_WHY, duration
        )
    except PromotionError as error:
        raise line.refusal(str(error), **{"for": "30m"}) from error
    return Lock(target, duration, line.reason, line.product, "all" in line.values)


def _unlock(line: Line) -> Unlock | Help:
    if line.empty:
        return Help()
    take_text(line, take_environment(line, line.free))
    target = line.values["env"]
    try:
        parse_unlock_request(line.path, target, _NO_OPERATOR, _NO_TRACE, line.reason or SAY_WHY)
    except PromotionError as error:
        raise line.refusal(str(error), text=SAY_WHY, reason=None) from error
    return Unlock(target, line.reason, line.product)


def _promotions(line: Line) -> Promotions:
    if not line.free and "env" not in line.values:
        return Promotions(product=line.product)
    if rest := take_environment(line, line.free):
        raise line.refusal(f"'{rest[:60]}' is too many: give one environment or none")
    return Promotions(line.values["env"], line.product)
