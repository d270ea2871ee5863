"""Names of people and jobs in the manifest that match no operator."""

import json
from collections.abc import Iterator

from engine.config.error_messages import Node, Problem
from engine.domain.names import Names

_SOURCES = ("oidc:", "slack:", "registry:", "proxy:", "os:")


def unmatched_operators(root: Node) -> Iterator[Problem]:
    """
    Find names in environments that match no operator.

    A name with a colon is a qualified id, `<source>:…`, because e-mail addresses, user names and
    Slack ids have none.
    """
    issuers = _issuers(root)
    for environment in root["artifacts.promotion.environments"].items:
        for name in environment["authorization.allowed_operators"].items:
            yield from _check_name(name, issuers)
        for person, entry in environment["approvals.delegates"].entries:
            for name in (Node(person, entry.path), entry["to"]):
                yield from _check_name(name, issuers)
                yield from _check_delegate(name, root["identity.aliases"])


def unmatched_people(root: Node) -> Iterator[Problem]:
    """Find names in `identity` that match no operator."""
    issuers = _issuers(root)
    for _, members in root["identity.groups"].entries:
        for name in members.items:
            yield from _check_name(name, issuers)
    for entry in root["identity.roles"].items:
        for name in entry["operators"].items:
            yield from _check_name(name, issuers)
    for person, names in root["identity.aliases"].entries:
        yield from _check_source(names, person, issuers)
        for name in names.items:
            yield from _check_source(name, name.text or "", issuers)


def _issuers(root: Node) -> list[str]:
    entries = [*root["identity.oidc"].items, root["web.auth"]]
    return [issuer for entry in entries if (issuer := entry["issuer"].text)]


def _check_name(node: Node, issuers: list[str]) -> Iterator[Problem]:
    name = node.text or ""
    yield from _check_source(node, name, issuers)
    if not name.startswith("oidc:"):
        return
    issuer, mark, subject = name.removeprefix("oidc:").partition("#")
    if not (mark and subject):
        yield node.problem("matches no operator: write oidc:<issuer>#<subject>")
    elif issuer not in issuers:
        yield node.problem(
            f"matches no operator: neither identity.oidc nor web.auth has the issuer {issuer}"
        )


def _check_delegate(node: Node, aliases: Node) -> Iterator[Problem]:
    """A short name needs aliases: records may have another name of the same person."""
    name = node.text or "@"
    known = Names(each for person, names in aliases.entries for each in (person, *names.names))
    if "@" not in name and ":" not in name and name not in known:
        yield node.problem(
            f"{name} may be one of several names of a person: write an e-mail address or an id "
            "like slack:T01ACME/U02BOB, or add the name to identity.aliases"
        )


def _check_source(node: Node, name: str, issuers: list[str]) -> Iterator[Problem]:
    if ":" in name and not name.startswith(_SOURCES):
        meant = f"oidc:{issuers[0] if issuers else '<issuer>'}#{name}"
        yield node.problem(
            "matches no operator: a name with a colon begins with its source; write "
            f"{json.dumps(meant, ensure_ascii=False)}"
        )
