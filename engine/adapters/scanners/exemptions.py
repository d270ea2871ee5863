"""Findings that would block, and do not because of a waiver or an OpenVEX statement."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from engine.domain.errors import RegistryError
from engine.domain.gate import SecurityRules
from engine.domain.scan import ScanFinding
from engine.domain.text import iso_time, printable
from engine.domain.waiver import Waiver

_SHOWN = 3
_RECORDED = 20
_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Exemptions:
    """
    The findings that still block, sentences about the others, and `details` for the record.
    """

    blocking: tuple[ScanFinding, ...]
    sentences: tuple[str, ...]
    details: dict[str, JsonValue]


def exempt(severe: Sequence[ScanFinding], rules: SecurityRules) -> Exemptions:
    """Separate the `severe` findings that still block. Documents are read only if some are left."""
    left, waived = _waive(severe, rules.waivers)
    sentences = [_show_waived(waiver, found) for waiver, found in waived]
    details: dict[str, JsonValue] = {}
    if waived:
        details["waived"] = [_document(waiver, found) for waiver, found in waived]
    if left:
        left, stated, ignored = _clear(left, rules)
        sentences += [_show_stated(source, found) for source, found in stated.items()]
        sentences += [f"OpenVEX document ignored: {each}" for each in ignored[:_SHOWN]]
        if stated:
            details["openvex"] = {
                source: [_show(finding) for finding in found] for source, found in stated.items()
            }
        if ignored:
            details["openvex_ignored"] = list(ignored[:_RECORDED])
    return Exemptions(tuple(left), tuple(sentences), details)


_Waived = list[tuple[Waiver, list[ScanFinding]]]


def _waive(
    severe: Iterable[ScanFinding], waivers: Sequence[Waiver]
) -> tuple[list[ScanFinding], _Waived]:
    """The first waiver that covers a finding counts."""
    left: list[ScanFinding] = []
    used: dict[str, list[ScanFinding]] = {}
    for finding in severe:
        covering = (w for w in waivers if w.covers(finding.ids, finding.package, finding.purl))
        waiver = next(covering, None)
        (left if waiver is None else used.setdefault(waiver.key, [])).append(finding)
    return left, [(waiver, used[waiver.key]) for waiver in waivers if waiver.key in used]


def _clear(
    severe: Iterable[ScanFinding], rules: SecurityRules
) -> tuple[list[ScanFinding], dict[str, list[ScanFinding]], tuple[str, ...]]:
    """The findings that no newest statement clears, those of each statement, and problems."""
    left: list[ScanFinding] = []
    stated: dict[str, list[ScanFinding]] = {}
    try:
        statements = rules.vex()
    except RegistryError as error:
        return list(severe), {}, (_line(f"they cannot be read: {error}"),)
    if statements is None:
        return list(severe), {}, ()
    for finding in severe:
        newest = statements.newest(finding)
        if newest is None or not newest.clears:
            left.append(finding)
        else:
            why = f"{newest.status}, {newest.reason}" if newest.reason else newest.status
            stated.setdefault(_line(f"{newest.source}: {why}"), []).append(finding)
    return left, stated, tuple(map(_line, statements.ignored))


def _show_waived(waiver: Waiver, found: Sequence[ScanFinding]) -> str:
    return f"{len(found)} {waiver.description}: {_ids(found)}, {waiver.reason}"


def _show_stated(source: str, found: Sequence[ScanFinding]) -> str:
    return f"{len(found)} cleared by OpenVEX document {source}: {_ids(found)}"


def _document(waiver: Waiver, found: Sequence[ScanFinding]) -> dict[str, JsonValue]:
    return {
        "waiver": waiver.key,
        "until": iso_time(waiver.until),
        "operator": waiver.operator,
        "reason": waiver.reason,
        "record": waiver.record,
        "findings": [_show(finding) for finding in found],
    }


def _ids(found: Iterable[ScanFinding]) -> str:
    return ", ".join(dict.fromkeys(finding.id for finding in found))


def _show(finding: ScanFinding) -> str:
    return f"{finding.severity} {finding.id} {finding.package} {finding.version}".rstrip()


def _line(text: str) -> str:
    return printable(text)[:_CHARACTERS]
