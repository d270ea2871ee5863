"""Messages that only one person sees: refusals, acknowledgements and help."""

from collections.abc import Iterable

from bot.blocks.elements import Payload, code, context, escape, join_lines, section, trace_context
from bot.blocks.rendering_context import RenderingContext
from bot.options import LOCK, PROMOTE, PROMOTIONS, ROLLBACK, UNLOCK
from engine.domain.environment import Environment
from engine.domain.gate import GateKind

NOT_STARTED = "Not started"


def refusal(headline: str, why: str, next_step: str = "", trace_id: str = "") -> Payload:
    """
    Render a refusal in one line: `headline` names the failed action, `next_step` is the hint.

    `why` may quote untrusted text and is escaped; `headline` and `next_step` are not.
    """
    said = escape(why, 1500)
    if next_step:
        said += f"{'' if said.endswith(('.', '?', '!', '…')) else '.'} {next_step}"
    trace = (trace_context(trace_id),) if trace_id else ()
    return Payload(f"{headline}: {said}", (section("refused", f"*{headline}:* {said}"), *trace))


def suggest_command(command: str) -> str:
    return f"Try {code(command, 400)}" if command else ""


def note(text: str) -> Payload:
    """Render `text`, in which untrusted parts are already escaped."""
    return Payload(text, (section("note", text),))


def render_help(command: str, rendering: RenderingContext) -> Payload:
    """Explain `command` with examples from this platform; list the others in one line each."""
    examples = dict(_examples(rendering))
    own = examples.get(command, "")
    others = [line for name, line in examples.items() if name != command]
    others += _waivers(rendering)
    places = ", ".join(
        _describe_approvals(environment) for environment in rendering.path.environments
    )
    first = "\n".join([own or f"`{command}`", *_options(command, rendering)])
    return Payload(
        f"How to use {command}",
        (
            section("own", f"*How to use {command}*\n{first}"),
            section("others", join_lines(others, 2500)),
            context("path", f"Path: {rendering.path.show('→')}. {places}."),
        ),
    )


def _options(command: str, rendering: RenderingContext) -> Iterable[str]:
    names = rendering.commands
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


def _examples(rendering: RenderingContext) -> Iterable[tuple[str, str]]:
    commands, last = rendering.commands, rendering.last_environment
    sources = rendering.path.sources(last)
    source = f" {sources[0]}" if len(sources) == 1 else ""
    yield (
        commands.promote,
        f"`{commands.promote} v1.2.3{source} {last}` requests a promotion; "
        "without arguments it opens a form",
    )
    yield (
        commands.rollback,
        f"`{commands.rollback} v1.2.2 {last}` shows the impact and asks for a reason; "
        f"`{commands.rollback} {last}` rolls back to the previous version",
    )
    yield (
        commands.lock,
        f"`{commands.lock} {last} 30m database failover` stops promotions for 30 minutes; "
        "without a duration, until it is unlocked",
    )
    yield commands.unlock, f"`{commands.unlock} {last} failover is done` allows promotions again"
    yield (
        commands.promotions,
        f"`{commands.promotions}` shows all environments, `{commands.promotions} {last}` only one; "
        "in a thread, mention me instead: `lock`, `unlock`, `promotions`",
    )


def _waivers(rendering: RenderingContext) -> Iterable[str]:
    """How to waive vulnerabilities, where a gate finds some."""
    gates = (gate.kind for each in rendering.path.environments for gate in each.gates)
    if GateKind.SECURITY_SCAN in gates:
        commands, last = rendering.commands, rendering.last_environment
        yield (
            f"`{commands.promote} waive CVE-2026-1 {last}` asks for a waiver; "
            f"`{commands.promotions} waivers` lists them and ends one"
        )


def _describe_approvals(environment: Environment) -> str:
    needed = environment.approvals.required
    if not needed:
        return f"{environment.name} needs no approval"
    rules = environment.approvals.rules
    if rules:
        listed = (f"{rule.count} for {escape(rule.name, 60)}" for rule in rules)
        return f"{environment.name} needs {needed} approvals: {', '.join(listed)}"
    groups = environment.approvals.groups
    by = f" from {', '.join(escape(g, 60) for g in sorted(groups))}" if groups else ""
    return f"{environment.name} needs {needed} approval{'s' if needed > 1 else ''}{by}"
