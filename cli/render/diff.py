"""Render the differences between two versions."""

from collections.abc import Iterator, Sequence

from cli.output import Answer
from cli.render.table import show
from engine.domain.artifact import Digest
from engine.domain.impact.comparison import ComparedVersion, ContentDelta, PartChange
from engine.domain.impact.delta import Delta, PackageDelta, Vulnerability, VulnerabilityDelta
from engine.domain.impact.products import merge_spellings
from engine.domain.impact.text import shorten
from engine.domain.text import printable, size_text
from engine.responses.diff import VersionDiffResponse

_CELL = 60
# The characters of a commit that usually make it unique.
_COMMIT = 12


def render(response: VersionDiffResponse) -> Answer:
    """Both versions side by side, then a table for each kind of difference."""
    sides = [each for each in (response.before, response.after) if each]
    lines = _pair(sides)
    if response.identical:
        lines += ["", "Both versions are the same artifact"]
    if response.delta is not None:
        lines += _delta_lines(response.delta)
    if response.content is not None:
        lines += _content_lines(response.content)
    return Answer(response, lines)


def _pair(sides: Sequence[ComparedVersion]) -> list[str]:
    rows = [
        ("ARTIFACT", *(Digest(each.digest).short for each in sides)),
        ("RUNS IN", *(printable(", ".join(each.environments)) or "-" for each in sides)),
        ("SIZE", *(_size(each.size_bytes) for each in sides)),
        ("COMMIT", *(printable(each.revision or "-")[:_COMMIT] for each in sides)),
    ]
    return show(("VERSION", *(printable(each.version) for each in sides)), rows)


def _delta_lines(delta: Delta) -> Iterator[str]:
    if delta.vulnerabilities is not None:
        yield from _vulnerability_lines(delta.vulnerabilities)
    if delta.packages is not None:
        yield from _package_lines(delta.packages)
    if delta.compare_url is not None:
        yield from ("", f"Commits: {printable(delta.compare_url)}")
    if delta.unknown:
        yield ""
    yield from (f"Not known: {printable(each)}" for each in delta.unknown)


def _vulnerability_lines(found: VulnerabilityDelta) -> Iterator[str]:
    yield ""
    yield (
        f"Vulnerabilities: {found.new_count} new, {found.fixed_count} fixed, "
        f"{found.unchanged_count} unchanged"
    )
    listed = (("new", found.new), ("fixed", found.fixed))
    rows = [_vulnerability_row(change, each) for change, all_ in listed for each in all_]
    heads = ("ID", "CHANGE", "SEVERITY", "PACKAGE", "FIX")
    yield from _table(heads, rows, found.new_count + found.fixed_count)


def _vulnerability_row(change: str, found: Vulnerability) -> tuple[str, ...]:
    return (
        printable(found.id),
        change,
        found.severity.value.lower(),
        printable(f"{found.package} {found.version}".strip()),
        "known" if found.fixed else "-",
    )


def _package_lines(found: PackageDelta) -> Iterator[str]:
    counts = (found.added_count, found.removed_count, found.upgraded_count)
    yield ""
    yield "Packages by unsigned SBOMs: {} added, {} removed, {} with another version".format(
        *counts
    )
    rows = [
        tuple(printable(cell or "-") for cell in (each.name, each.before, each.after))
        for each in found.listed
    ]
    yield from _table(("PACKAGE", "FROM", "TO"), rows, sum(counts))


def _content_lines(found: ContentDelta) -> Iterator[str]:
    layers = "layer" if found.unchanged_layers == 1 else "layers"
    yield from ("", f"Content: {found.unchanged_layers} {layers} unchanged")
    rows = [_part_row("layer", each, digests=True) for each in found.layers]
    rows += [_part_row("annotation", each, digests=False) for each in found.annotations]
    yield from _table(("PART", "NAME", "CHANGE", "FROM", "TO"), rows, len(rows))
    yield from (f"Breaking: {printable(each)}" for each in found.breaking_changes)
    yield from (f"Affected: {printable(each)}" for each in merge_spellings(found.affected_products))
    yield from (f"Not compared: {printable(each)}" for each in found.not_compared)


def _part_row(part: str, found: PartChange, *, digests: bool) -> tuple[str, ...]:
    cells = (
        "-" if each is None else _short(each) if digests else shorten(each, _CELL)
        for each in (found.before, found.after)
    )
    return (part, shorten(found.name, _CELL), found.change, *cells)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], count: int) -> Iterator[str]:
    if rows:
        yield from show(heads, rows)
    if more := count - len(rows):
        yield f"…and {more} more"


def _short(digest: str) -> str:
    try:
        return Digest(digest).short
    except ValueError:
        return shorten(digest, _CELL)


def _size(count: int | None) -> str:
    return "-" if count is None else size_text(count)
