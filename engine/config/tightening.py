"""Refuses settings of a product that are looser than the defaults of its server file."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.config.addresses import RemoteAddress, parse_address
from engine.config.error_messages import Node, Problem, suggest
from engine.config.known_keys import fields_at
from engine.config.merging import REPEATED
from engine.config.server_models import ProductLedger, ServerFile
from engine.config.validation_context import PlacedText
from engine.config.yaml_loader import Key
from engine.domain.path_changes import keeps_order
from engine.domain.policy_changes import compare_policies
from engine.domain.policy_document import PolicyDocument
from engine.domain.rule_changes import ChangeKind, RuleChange

_PATH = "promotion.environments"
# Differences in these have no direction, and do not decide whether a version passes.
_NEUTRAL = ("timeout_seconds", "env", "message", "scanner_format")
# Both turn TLS on or off, so a default in one of them fixes the other too.
_TLS = ("registry.tls", "registry.insecure")
_FIXED = (*_TLS, "promotion.audit")
_LISTS = tuple(f"promotion.{name}" for name in REPEATED)
_ORDER = ("after", "from")
_CREDENTIALS = ("basic", "token")
_BY_GATE = ("gates", "gate_commands")


def loosened_rules(
    before: PolicyDocument, after: PolicyDocument, may_override: Sequence[str], server: str
) -> Iterator[Problem]:
    """
    Find the rules of `after` that are not as strict as in `before`, the defaults of `server`.

    A rule without a direction, like the command of a gate, must stay as the defaults have it.
    """
    moot = _moot_windows(before, after)
    for change in compare_policies(before, after):
        rule = _rule(change)
        if rule in moot or _keeps_order(change, before, after):
            continue
        neutral = change.kind is ChangeKind.OTHER and rule.rpartition(".")[2] in _NEUTRAL
        if change.kind is ChangeKind.STRICTER or neutral or _allows(may_override, rule):
            continue
        skips = change.kind is ChangeKind.LOOSER or change.rule == "after"
        looser = "looser than" if skips else "not as in"
        yield Problem(
            _place(change, after),
            f"is {looser} the defaults of {server}: {change.text}. Remove it here, or add "
            f"{rule} to defaults.may_override there",
        )


def _keeps_order(change: RuleChange, before: PolicyDocument, after: PolicyDocument) -> bool:
    place = change.environment
    return change.rule == "after" and bool(place and keeps_order(place, before.path, after.path))


def _moot_windows(before: PolicyDocument, after: PolicyDocument) -> set[str]:
    """The rules of windows that are about none of the environments in `after`."""
    names = {each["name"] for each in after.rules["environments"]}
    kept = {each["name"] for each in after.rules.get("windows", ())}
    return {
        f"promotion.windows.{each['name']}"
        for each in before.rules.get("windows", ())
        if each["name"] not in kept and names.isdisjoint(each.get("environments", names))
    }


def replaced_settings(
    own: object, defaults: object, may_override: Sequence[str], server: str
) -> Iterator[Problem]:
    """
    Find settings in `artifacts` of a product that remove those of the defaults.

    No rule of the policy document covers them: copies of records and artifacts, and TLS.
    """
    for name in (*_FIXED, *_LISTS):
        default, given = Node(defaults)[name], Node(own, ("artifacts",))[name]
        both = any(Node(defaults)[each] for each in _TLS) if name in _TLS else bool(default)
        kept = name in _LISTS and all(each in _listed(given) for each in _listed(default))
        if both and given and not kept and not _allows(may_override, name):
            yield given.problem(
                f"removes settings of the defaults of {server}: remove it here, or add {name} to "
                "defaults.may_override there"
            )
    if not _allows(may_override, "promotion.windows"):
        yield from _replaced_calendars(Node(own, ("artifacts",)), Node(defaults), server)


def _replaced_calendars(own: Node, defaults: Node, server: str) -> Iterator[Problem]:
    """A file has the same name in the policy document, wherever it is."""
    known = {each["name"].text: each["ics"] for each in defaults["promotion.windows"].items}
    for window in own["promotion.windows"].items:
        given, default = window["ics"], known.get(window["name"].text, Node({})["ics"])
        same = given.value == default.value and (given.text or "").startswith("https://")
        if given and default and not same:
            yield given.problem(
                f"replaces the calendar of the defaults of {server}: remove it here, or add "
                "promotion.windows to defaults.may_override there"
            )


def redirected_credentials(
    artifacts: object, defaults: object, may_override: Sequence[str], server: str
) -> Iterator[Problem]:
    """Find a registry in the merged `artifacts` that gets credentials which are for another one."""
    default, registry = Node(defaults)["registry"], Node(artifacts, ("artifacts",))["registry"]
    host = _host(registry["uri"])
    inherited = [each for _, each in registry["auth"].entries if isinstance(each.value, PlacedText)]
    if (
        default["auth.type"].text in _CREDENTIALS
        and inherited
        and host not in (None, _host(default["uri"]))
        and not _allows(may_override, "registry.uri")
    ):
        yield registry["uri"].problem(
            f"is not at the host of the defaults of {server}, whose credentials it would get: give "
            "it an auth of its own here, or add registry.uri to defaults.may_override there"
        )


def _host(uri: Node) -> str | None:
    """The host with its port; None for a layout or an invalid address."""
    try:
        address = parse_address(uri.text or "")
    except ValueError:
        return None
    return address.host.lower() if isinstance(address, RemoteAddress) else None


def _listed(node: Node) -> list[object]:
    return [each.value for each in node.items]


def unmentioned_settings(own: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """
    Copy the settings in `artifacts` of a product about which the defaults say nothing.

    Verification, a gate, and each section of an environment are taken or left as a whole, since
    the defaults mean the rest of a section that they have too.
    """
    root, registry = Node(defaults), own.get("registry", {})
    if root["registry.verification"]:
        registry = {key: value for key, value in registry.items() if key != "verification"}
    mentioned, promotion = root["promotion"], own.get("promotion", {})
    free = {key: value for key, value in promotion.items() if not mentioned[key]}
    if mentioned:
        # It skips rules that the defaults do mention.
        free.pop("break_glass", None)
    for key in _BY_GATE:
        free[key] = _free_gates(promotion.get(key, {}), mentioned)
    policies = {entry["name"].text for entry in mentioned["policies"].items}
    free["policies"] = [
        each for each in promotion.get("policies", ()) if each["name"] not in policies
    ]
    # A window of the defaults must stay, and one of the product alone is judged by its kind.
    free["windows"] = [] if mentioned["windows"] else promotion.get("windows", [])
    environments = {entry["name"].text: entry for entry in mentioned["environments"].items}
    free["environments"] = [
        _free_environment(each, environments.get(each["name"], Node({})), mentioned)
        for each in promotion.get("environments", ())
    ]
    return {"registry": registry, "promotion": {k: v for k, v in free.items() if v}}


def keep_order(
    tree: Mapping[str, Any], defaults: Mapping[str, Any], *, exact: bool
) -> dict[str, Any]:
    """
    Copy `tree`, with each environment of the defaults after the same ones as there.

    `exact`: the product has a path of its own, and may order it.
    """
    orders: dict[str | None, dict[str, Any]] = {}
    before: str | None = None
    for each in Node(defaults)[_PATH].items:
        follows = {"after": [before]} if before else {}
        before = each["name"].text
        orders[before] = {**follows, **{key: each[key].value for key in _ORDER if each[key]}}
    environments = []
    for each in Node(tree)[_PATH].items:
        entry: Any = each.value
        order = orders.get(each["name"].text)
        if exact or order is not None:
            entry = {key: value for key, value in entry.items() if key not in _ORDER}
            entry |= {} if exact or order is None else order
        environments.append(entry)
    if not environments:
        return {**tree}
    return {**tree, "promotion": {**tree["promotion"], "environments": environments}}


def override_problems(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """Find entries of `may_override` that name no setting."""
    for entry in Node(tree)["defaults.may_override"].items:
        path: tuple[Key, ...] = ()
        for key in (entry.text or "").split("."):
            known = _settings_at(path)
            if key not in known:
                yield entry.problem(f"names no setting: {suggest(key, known)}")
                break
            path = (*path, key)
            if path == ("promotion", "policies"):
                break


def _settings_at(path: tuple[Key, ...]) -> list[str]:
    if not path:
        return ["registry", "promotion", "ledger"]
    if path[0] == "ledger":
        return list(ProductLedger.model_fields)
    return list(fields_at(ServerFile, ("defaults", *path)))


def _allows(may_override: Sequence[str], rule: str) -> bool:
    return any(f"{rule}.".startswith(f"{name}.") for name in may_override)


def _free_environment(own: Any, default: Node, promotion: Node) -> dict[str, Any]:
    free = {key: value for key, value in own.items() if key == "name" or not default[key]}
    gates = _free_gates(own.get("gates", {}), promotion)
    return {**free, "gates": gates} if gates else {k: v for k, v in free.items() if k != "gates"}


def _free_gates(own: Any, promotion: Node) -> dict[str, Any]:
    """Copy gates that the defaults do not mention, and commands for those without one there."""
    free = {}
    for kind, gate in own.items():
        settings = [
            settings
            for section in (promotion, *promotion["environments"].items)
            for key in _BY_GATE
            if (settings := section[key][kind])
        ]
        if not settings:
            free[kind] = gate
        elif not any(_has_command(each) for each in settings) and _has_command(Node(gate)):
            free[kind] = {"command": gate["command"] if isinstance(gate, dict) else gate}
    return free


def _has_command(gate: Node) -> bool:
    return bool(gate["command"]) or isinstance(gate.value, str | list)


def _rule(change: RuleChange) -> str:
    """The rule as in `may_override`: `promotion.environments.approvals.required`."""
    if change.rule.startswith("artifacts."):
        return change.rule.removeprefix("artifacts.")
    return f"{_PATH}.{change.rule}" if change.environment else change.rule


def _place(change: RuleChange, after: PolicyDocument) -> tuple[Key, ...]:
    """The path of a rule in the manifest."""
    keys = tuple(change.rule.split("."))
    if keys[0] == "artifacts" or not change.environment:
        return keys
    names = [each["name"] for each in after.rules["environments"]]
    if change.environment not in names:
        return ("artifacts", *_PATH.split("."))
    return ("artifacts", *_PATH.split("."), names.index(change.environment), *keys)
