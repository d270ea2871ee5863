"""What is said to one person alone: refusals, acknowledgements, help."""

from collections.abc import Iterable

from bot.blocks.elements import Payload, bounded, code, context, foreign, section, traced
from bot.blocks.rendering_context import Look
from bot.options import LOCK, PROMOTE, PROMOTIONS, ROLLBACK, UNLOCK
from engine.domain.environment import Environment

NOT_STARTED = "Not started"


def refusal(what_not: str, why: str, next_step: str = "", trace_id: str = "") -> Payload:
    """
    What did not happen, why, and the way out. `what_not` and `next_step` are ours, `why` may be
    anybody's. `trace_id`, where something was asked of the engine, is for whoever looks into it.
    """
    said = f"*{what_not}:* {foreign(why, 1500)}"
    blocks = [section("refused", said)]
    if next_step:
        blocks.append(context("next", next_step))
    if trace_id:
        blocks.append(traced(trace_id))
    return Payload(f"{what_not}: {foreign(why, 1500)}", tuple(blocks))


def try_instead(command: str) -> str:
    return f"Try {code(command, 400)}" if command else ""


def note(text: str) -> Payload:
    """`text` is ours, and escaped where it quotes others."""
    return Payload(text, (section("note", text),))


def help_for(command: str, look: Look) -> Payload:
    """How `command` is used, with real values, and the others in one line each."""
    examples = dict(_examples(look))
    own = examples.get(command, "")
    others = [f"{line}" for name, line in examples.items() if name != command]
    places = ", ".join(_place(environment) for environment in look.path.environments)
    first = "\n".join([own or f"`{command}`", *_options(command, look)])
    return Payload(
        f"How to use {command}",
        (
            section("own", f"*How to use {command}*\n{first}"),
            section("others", bounded(others, 2500)),
            context("path", f"The path: {' → '.join(look.path.names)}. {places}."),
        ),
    )


def _options(command: str, look: Look) -> Iterable[str]:
    names = look.commands
    grammars = {
        names.promote: PROMOTE,
        names.rollback: ROLLBACK,
        names.lock: LOCK,
        names.unlock: UNLOCK,
        names.promotions: PROMOTIONS,
    }
    grammar = grammars.get(command)
    for option in grammar.options if grammar else ():
        yield f"• `{option.usage}`: {option.help}"


def _examples(look: Look) -> Iterable[tuple[str, str]]:
    commands, last = look.commands, look.last
    before = look.path.before(last)
    source = f" {before.name}" if before else ""
    yield (
        commands.promote,
        f"`{commands.promote} v1.2.3{source} {last}` asks for a promotion; alone it opens a form",
    )
    yield (
        commands.rollback,
        f"`{commands.rollback} v1.2.2 {last}` shows what going back undoes, then asks why; "
        f"`{commands.rollback} {last}` goes to the version before",
    )
    yield (
        commands.lock,
        f"`{commands.lock} {last} 30m database failover` stops promotions for 30 minutes; "
        "without a duration until somebody unlocks",
    )
    yield commands.unlock, f"`{commands.unlock} {last} failover is done` lets them go on"
    yield (
        commands.promotions,
        f"`{commands.promotions}` shows what runs where, `{commands.promotions} {last}` one "
        "environment; in a thread, mention me: `lock`, `unlock`, `promotions`",
    )


def _place(environment: Environment) -> str:
    needed = environment.approvals.required
    if not needed:
        return f"{environment.name} needs no approval"
    groups = environment.approvals.groups
    by = f" from {', '.join(foreign(g, 60) for g in sorted(groups))}" if groups else ""
    return f"{environment.name} needs {needed} approval{'s' if needed > 1 else ''}{by}"
