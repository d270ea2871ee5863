"""Warnings about rules that became looser since the last change that warned of them."""

import json
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice

from engine.domain.errors import PromotionError
from engine.domain.ledger import LedgerEntry
from engine.domain.names import Names, canonical_name
from engine.domain.policy_changes import compare_policies
from engine.domain.policy_document import MAX_POLICY_BYTES, PolicyDocument
from engine.domain.record import PromotionRecord, RollbackRecord
from engine.domain.release_records import WaiveRecord
from engine.domain.rule_changes import ChangeKind, RuleChange
from engine.ports import LedgerReader, RegistryReader

_WARNING = (PromotionRecord, RollbackRecord, WaiveRecord)
_GROUPS = "identity.groups."
_MAX_RULES = 20
# The newest records that are searched for a waiver; a promotion or rollback is always found.
_MAX_SEARCHED = 20
_MAX_KEPT = 8


@dataclass(frozen=True)
class RuleHistory:
    """
    Compares the rules of `policy` with those of older records; reads each document once.

    `groups` are those with any right now: a policy does not name all of them.
    """

    policy: PolicyDocument
    registry: RegistryReader
    groups: Names = field(default_factory=Names)
    _read: dict[str, PolicyDocument] = field(default_factory=dict)

    def warnings(self, ledger: LedgerReader, head: LedgerEntry | None) -> tuple[str, ...]:
        """
        Warn about each rule that is looser than at the newest change up to `head`.

        Rules of other environments are left out. One request, and only if the rules changed; a few
        more if `head` is another record than one with such warnings.
        """
        newest = _last_change(ledger, head)
        if newest is None or newest.record.policy_digest == self.policy.digest:
            return ()
        name, place = newest.environment, f"{newest.environment}#{newest.sequence}"
        try:
            older = self._older(newest.record.policy_digest)
            changes = compare_policies(older, self.policy)
        except (PromotionError, ValueError, RecursionError) as error:
            return (
                f"The rules of {name} changed since the record {place}, and the earlier "
                f"rules cannot be read: {error}",
            )
        rules = _rules_text(older, self.policy)
        looser = [
            _sentence(each)
            for each in changes
            if each.kind is ChangeKind.LOOSER
            and each.environment in (None, name)
            and not self._is_idle_group(each, rules)
        ]
        since = f"The rules of {name} became looser since the record {place}"
        warnings = [f"{since}: {text}" for text in looser[:_MAX_RULES]]
        if rest := len(looser) - len(warnings):
            warnings.append(f"{since}: {rest} more rules")
        return tuple(warnings)

    def _is_idle_group(self, change: RuleChange, rules: str) -> bool:
        """Whether `change` is about the members of a group without rights, now and in `rules`."""
        name = canonical_name(change.rule)
        group = name.removeprefix(_GROUPS)
        text = json.dumps(group, ensure_ascii=False)[1:-1]
        return name.startswith(_GROUPS) and text not in rules and group not in self.groups

    def _older(self, digest: str) -> PolicyDocument:
        if digest not in self._read:
            document = PolicyDocument(self.registry.blob(digest, MAX_POLICY_BYTES))
            if len(self._read) >= _MAX_KEPT:
                self._read.clear()
            self._read[digest] = document
        return self._read[digest]


def _last_change(ledger: LedgerReader, head: LedgerEntry | None) -> LedgerEntry | None:
    """Find the newest record that shows these warnings; `head` if there is none."""
    if head is None or isinstance(head.record, _WARNING):
        return head
    with closing(ledger.walk(head.environment)) as entries:
        newest = islice(entries, _MAX_SEARCHED)
        found = next((each for each in newest if isinstance(each.record, _WARNING)), None)
    if found or head.state.sequence is None:
        return found or head
    return ledger.entry(head, head.state.sequence)


def _rules_text(*documents: PolicyDocument) -> str:
    """All rules as one text in canonical spelling, without the names under identity.groups."""
    found = []
    for rules in (each.rules for each in documents):
        people = rules["identity"]
        members = [*people["groups"].values()]
        kept = {**rules, "identity": {**people, "groups": members}}
        found.append(json.dumps(kept, ensure_ascii=False))
    return canonical_name("".join(found))


def _sentence(change: RuleChange) -> str:
    """The text without the environment, which the warning already names."""
    return change.text.removeprefix(f"{change.environment}: ")
