"""Contradictions between the values of the file."""

from collections.abc import Iterator

from engine.config.addresses import LayoutAddress, parse_address
from engine.config.approvals import approval_problems
from engine.config.error_messages import Node, Problem, suggest
from engine.config.promotion import DEFAULT_ENVIRONMENTS
from engine.config.qualified_names import unmatched_operators, unmatched_people
from engine.config.roles import role_problems
from engine.config.tenants import shared_issuer_problems
from engine.config.windows import default_window_problems, window_problems
from engine.domain.gate import GateKind
from engine.domain.names import canonical_name

_NAMED = (
    ("environments", "an environment"),
    ("policies", "a policy"),
    ("windows", "a window"),
)
COMMAND_GATES = tuple(kind for kind in GateKind if kind is not GateKind.POLICY_COMPLIANCE)


def find_contradictions(tree: object) -> Iterator[Problem]:
    """Find all contradictions in the file, also beside invalid values."""
    yield from server_contradictions(tree)
    yield from product_contradictions(tree)


def server_contradictions(tree: object) -> Iterator[Problem]:
    """Find those in the sections that all products of a server share."""
    root = Node(tree)
    identity = root["identity"]
    yield from _aliases(identity["aliases"])
    yield from _equal_spellings(identity["groups"])
    yield from _ledger(root["ledger"])
    yield from shared_issuer_problems(root)
    yield from unmatched_people(root)
    yield from role_problems(root, several=root["kind"].value == "Server")
    yield from _slack_and_web(root)
    for entries, sort in _NAMED:
        yield from _repeated_names(root[f"defaults.promotion.{entries}"], sort)
    defaults = root["defaults.promotion"]
    yield from default_window_problems(defaults, _environment_names(defaults))


def product_contradictions(tree: object) -> Iterator[Problem]:
    """Find those in `artifacts`, and between it and the other sections."""
    root = Node(tree)
    promotion = root["artifacts.promotion"]
    yield from _gates_without_command(promotion)
    for entries, sort in _NAMED:
        yield from _repeated_names(promotion[entries], sort)
    yield from _order(promotion["environments"])
    for environment in promotion["environments"].items:
        yield from _authorization(environment)
        yield from approval_problems(environment)
        yield from _equal_spellings(environment["approvals.delegates"])
        yield from _lock(environment["lock"])
    yield from window_problems(promotion, _environment_names(promotion))
    yield from _audit(promotion["audit"])
    yield from _verification(root["artifacts.registry.verification"], promotion)
    yield from _registries(root)
    yield from _embedded_users(root)
    yield from unmatched_operators(root)


def _ledger(ledger: Node) -> Iterator[Problem]:
    """Settings that would silently have no effect."""
    if ledger["adopted"] and not (ledger["signing"] or ledger["trusted_keys"]):
        yield ledger["adopted"].problem("needs ledger.signing or ledger.trusted_keys")
    if ledger["distrusted_keys"] and not (ledger["signing"] or ledger["trusted_keys"]):
        yield ledger["distrusted_keys"].problem("needs ledger.signing or ledger.trusted_keys")
    formats = ledger["signing.formats"]
    if formats and all(each.value != "bundle" for each in formats.items):
        yield formats.problem("needs bundle: ledger entries are always bundles")
    if ledger["timestamp"] and not (ledger["signing"] or ledger["trusted_keys"]):
        yield ledger["timestamp"].problem(
            "needs ledger.signing or ledger.trusted_keys: only signed entries have timestamps"
        )
    if ledger["timestamp.required"].value is True and not ledger["timestamp.url"]:
        yield ledger["timestamp.required"].problem("needs ledger.timestamp.url")
    if ledger["witnesses"] and not ledger["checkpoint"]:
        yield ledger["witnesses"].problem("sign checkpoints: set ledger.checkpoint.key too")
    if ledger["require_witness"] and not ledger["witnesses"]:
        yield ledger["require_witness"].problem("needs ledger.witnesses")


def _gates_without_command(promotion: Node) -> Iterator[Problem]:
    """Gates that are on and have no command, and would silently never run."""
    defaults, commands = promotion["gates"], promotion["gate_commands"]
    environments = promotion["environments"].items or (Node({}),)
    for kind in COMMAND_GATES:
        for environment in environments:
            own = environment["gates"][kind]
            gate = own if own else defaults[kind]
            on = gate.value is True or isinstance(gate.value, dict)
            command = own["command"] or defaults[kind]["command"] or commands[kind]
            if on and not command:
                yield gate.problem(
                    "is on but has no command: give it one, here or in "
                    f"artifacts.promotion.gate_commands.{kind}"
                )


def _repeated_names(entries: Node, sort: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for entry in entries.items:
        name = entry["name"]
        if name.text is not None and name.text in seen:
            yield name.problem(f"there already is {sort} named {name.text}")
        seen.add(name.text or "")


def _order(environments: Node) -> Iterator[Problem]:
    """Environments that cannot be reached; a cycle has one that comes after a later one."""
    names = [environment["name"].text or "" for environment in environments.items]
    for place, environment in enumerate(environments.items):
        after = environment["after"]
        if after.empty:
            yield after.problem("is []: name an environment, or leave it out")
        seen: set[str] = set()
        for each in after.items:
            if each.text is not None:
                if problem := _misplaced(each.text, names, place, seen):
                    yield each.problem(problem)
                seen.add(each.text)
        if environment["from"] and len(after.items) < 2:
            yield environment["from"].problem("has no effect: after names fewer than 2")


def _misplaced(name: str, names: list[str], place: int, seen: set[str]) -> str | None:
    """Why the environment at `place` cannot come after `name`; None if it can."""
    if name not in names:
        return f"there is no such environment; {suggest(name, names)}"
    if name == names[place]:
        return f"{name} cannot come after itself"
    if name not in names[:place]:
        return f"{name} comes later in the list: move it before {names[place]}"
    return f"{name} is named twice" if name in seen else None


def _authorization(environment: Node) -> Iterator[Problem]:
    rules = environment["authorization"]
    if rules["allowed_groups"].empty and rules["allowed_operators"].empty:
        yield rules.problem(
            "admits no operator: both lists are []; name one, or lock the environment"
        )


def _lock(lock: Node) -> Iterator[Problem]:
    if lock["locked"].value is True:
        for key in ("reason", "locked_by"):
            if not lock[key]:
                yield lock[key].problem("is missing: a lock needs reason and locked_by")


def _audit(audit: Node) -> Iterator[Problem]:
    if audit["backend"].value == "database" and bool(audit["path"]) == bool(audit["url"]):
        yield audit.problem("needs either path (a SQLite file) or url")


def _verification(verification: Node, promotion: Node) -> Iterator[Problem]:
    if not isinstance(verification.value, dict):
        return
    names = _environment_names(promotion)
    asked = [verification["enforcement"].value != "off"]
    for name, override in verification["environments"].entries:
        asked.append(override["enforcement"].value != "off")
        if names and name not in names:
            yield override.problem(f"there is no such environment; {suggest(name, names)}")
    trusted = verification["public_keys"].items or verification["trusted_issuers"].items
    if any(asked) and not trusted:
        yield verification.problem(
            "has nothing to verify with: name public_keys or trusted_issuers, or set enforcement "
            "to off"
        )


def _environment_names(promotion: Node) -> list[str]:
    """List the environments; empty if the name of one is not known."""
    named = [entry["name"].text for entry in promotion["environments"].items]
    names = [name for name in named if name]
    return [] if len(names) < len(named) else names or [*DEFAULT_ENVIRONMENTS]


def _registries(root: Node) -> Iterator[Problem]:
    primary = root["artifacts.registry"]
    secondaries = root["artifacts.promotion.secondary_registries"].items
    seen: set[str] = set()
    for registry in (primary, *secondaries):
        uri = registry["uri"]
        if uri.text is not None and uri.text in seen:
            yield uri.problem("is already configured as another registry")
        seen.add(uri.text or "")
        yield from _connection(registry)
        yield from _credentials(registry["auth"])


def _connection(registry: Node) -> Iterator[Problem]:
    direct, nested = registry["insecure"], registry["tls.insecure"]
    if direct and nested and direct.value != nested.value:
        yield direct.problem("contradicts tls.insecure: keep one of them")
    if (direct.value is True or nested.value is True) and registry["tls.ca_file"].text:
        yield registry["tls.ca_file"].problem("has no effect over plain http (insecure: true)")


def _credentials(auth: Node) -> Iterator[Problem]:
    needed = {"basic": ("username", "password"), "token": ("token",)}
    for name in needed.get(auth["type"].text or "", ()):
        if bool(auth[name]) == bool(auth[f"{name}_env"]):
            yield auth.problem(f"needs either {name}_env or {name}")


def _embedded_users(root: Node) -> Iterator[Problem]:
    identity = root["identity"]
    embedded = _embedded(root["artifacts.registry.uri"].text)
    users = identity["registry_users.verified"]
    if users.value is True and embedded:
        yield users.problem("has no effect: the embedded registry (oci-layout:) has no users")
    trusting = identity["trust_os_user"]
    if trusting.value is True and not embedded:
        yield trusting.problem(
            "is for the embedded registry (oci-layout:) only: anyone can choose their user name"
        )


def _embedded(uri: str | None) -> bool:
    try:
        return isinstance(parse_address(uri or ""), LayoutAddress)
    except ValueError:
        return False


def _aliases(aliases: Node) -> Iterator[Problem]:
    """Names that mean two persons, who could then act as each other."""
    yield from _equal_spellings(aliases)
    people = {canonical_name(person): person for person, _ in aliases.entries}
    owner: dict[str, str] = {}
    for person, names in aliases.entries:
        for alias in names.items:
            text = alias.text or ""
            name = canonical_name(text)
            if name in people and name != canonical_name(person):
                both = text if text == people[name] else f"{text} ({people[name]})"
                yield alias.problem(f"{both} is a person of their own in this list")
            elif canonical_name(owner.setdefault(name, person)) != canonical_name(person):
                yield alias.problem(f"{text} already is another name of {owner[name]}")


def _equal_spellings(named: Node) -> Iterator[Problem]:
    """Names are compared without regard to case, so two spellings would be one entry."""
    seen: dict[str, str] = {}
    for name, entry in named.entries:
        first = seen.setdefault(canonical_name(name), name)
        if first != name:
            yield entry.problem(
                f"{name} and {first} are one name, as case does not count: merge the two entries"
            )


def _slack_and_web(root: Node) -> Iterator[Problem]:
    seen: set[str] = set()
    for _, command in root["slack.commands"].entries:
        if command.text is not None and command.text in seen:
            yield command.problem(f"{command.text} already is another command")
        seen.add(command.text or "")
    web = root["web"]
    if web["visibility"].value == "members" and web["auth.mode"].text in (None, "none"):
        yield web["visibility"].problem("needs sign-in: set web.auth")
    if web["auth.mode"].value != "oidc":
        return
    if not web["base_url"]:
        yield web["base_url"].problem("is missing: the provider redirects there after sign-in")
    if bool(web["auth.client_secret"]) == bool(web["auth.client_secret_env"]):
        yield web["auth"].problem("needs either client_secret_env or client_secret")
