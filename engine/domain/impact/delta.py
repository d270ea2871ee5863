"""The differences between the version that an environment runs and the one that comes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from engine.domain.artifact import Digest
from engine.domain.gate import SecurityRules, Severity
from engine.domain.impact.commits import compare_url
from engine.domain.impact.packages import PackageChange, Packages, changed_packages
from engine.domain.impact.text import shorten
from engine.domain.manifest import ManifestView
from engine.domain.record import Previous
from engine.domain.record_base import DigestText, Value
from engine.domain.scan import ScanFinding, ScanFindings

_LISTED = 100
_NAMED = 3


class Vulnerability(Value):
    """A vulnerability in a package; `fixed` if a fixed version is known."""

    id: str
    aliases: tuple[str, ...] = ()
    package: str
    version: str
    severity: Severity
    fixed: bool


class VulnerabilityDelta(Value):
    """Vulnerabilities that come and go; at most 100 of each are listed, the worst first."""

    new_count: int
    fixed_count: int
    unchanged_count: int
    new: tuple[Vulnerability, ...] = ()
    fixed: tuple[Vulnerability, ...] = ()


class PackageDelta(Value):
    """Packages that come, go or change their version; at most 100 are listed."""

    added_count: int
    removed_count: int
    upgraded_count: int
    listed: tuple[PackageChange, ...] = ()


class Delta(Value):
    """
    The differences of the artifact `digest` from the `running` one.

    `compare_url` shows the commits between the builds. `size_bytes` is the difference of the sizes.
    `unknown` has a sentence for each comparison that was not possible.
    """

    running: Previous
    digest: DigestText
    vulnerabilities: VulnerabilityDelta | None = None
    packages: PackageDelta | None = None
    compare_url: str | None = None
    size_bytes: int | None = None
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Build:
    """An artifact with the packages of its SBOM; `problem` says why it has none."""

    view: ManifestView
    packages: Packages | None = None
    problem: str | None = None

    @property
    def size(self) -> int | None:
        """The bytes of the layers; None for an index."""
        layers = self.view.layers
        return None if layers is None else sum(layer.size for layer in layers)


@dataclass(frozen=True, slots=True)
class Release:
    """A version and its artifact; `findings` is the digest of its kept scan, if it has one."""

    version: str
    digest: Digest
    findings: str | None = None


class _Known:
    """Finds vulnerabilities by (id or alias, package)."""

    def __init__(self, findings: Iterable[ScanFinding]) -> None:
        self._urls: set[tuple[str, str]] = set()
        self._names: set[tuple[str, str]] = set()
        self._names_only: set[tuple[str, str]] = set()
        for each in findings:
            named = [(name, each.package) for name in each.ids]
            self._names.update(named)
            url = each.package_url
            if url is None:
                self._names_only.update(named)
            else:
                self._urls.update((name, url) for name in each.ids)

    def has(self, finding: ScanFinding) -> bool:
        """By the package URL if both reports have one, otherwise by the package's name."""
        url = finding.package_url
        names = self._names if url is None else self._names_only
        return any(
            (name, finding.package) in names or (name, url) in self._urls for name in finding.ids
        )


def compare_findings(running: ScanFindings, coming: ScanFindings) -> VulnerabilityDelta | None:
    """Compare two scans; None if one of them had too many findings to keep."""
    if running.truncated or coming.truncated:
        return None
    before, after = _Known(running.findings), _Known(coming.findings)
    new = [each for each in coming.findings if not before.has(each)]
    fixed = [each for each in running.findings if not after.has(each)]
    return VulnerabilityDelta(
        new_count=len(new),
        fixed_count=len(fixed),
        unchanged_count=len(coming.findings) - len(new),
        new=tuple(map(_listed, new[:_LISTED])),
        fixed=tuple(map(_listed, fixed[:_LISTED])),
    )


def unknown_findings(*scans: tuple[str, ScanFindings | None]) -> list[str]:
    """Say why each scan in `scans`, by its version, cannot be compared."""
    return [
        f"no scan is kept for {version}"
        if scan is None
        else f"the findings of {version} are unknown: there were too many to keep"
        for version, scan in scans
        if scan is None or scan.truncated
    ]


def find_worse(
    running: ScanFindings, coming: ScanFindings, rules: SecurityRules
) -> tuple[ScanFinding, ...]:
    """The findings of `coming` that `rules` block and that `running` does not have."""
    known = _Known(running.findings)
    return tuple(each for each in coming.findings if each.blocks(rules) and not known.has(each))


def compare_packages(running: Packages, coming: Packages) -> PackageDelta:
    changes = changed_packages(running, coming)
    return PackageDelta(
        added_count=sum(each.before is None for each in changes),
        removed_count=sum(each.after is None for each in changes),
        upgraded_count=sum(None not in (each.before, each.after) for each in changes),
        listed=tuple(
            PackageChange(shorten(each.name), _short(each.before), _short(each.after))
            for each in changes[:_LISTED]
        ),
    )


def make_delta(
    running: Previous,
    coming: Previous,
    scans: tuple[ScanFindings | None, ScanFindings | None] | None,
    builds: tuple[Build, Build] | None,
) -> Delta | None:
    """Compare scans and builds, each of the running and the coming version; None without any."""
    fields, unknown = dict[str, Any](), list[str]()
    if scans is not None:
        before, after = scans
        fields["vulnerabilities"] = before and after and compare_findings(before, after)
        unknown += unknown_findings((running.version, before), (coming.version, after))
    if builds is not None:
        fields |= _compare_builds(*builds)
        unknown += [build.problem for build in builds if build.problem]
    if not fields:
        return None
    return Delta(running=running, digest=coming.digest, unknown=tuple(unknown), **fields)


def _compare_builds(running: Build, coming: Build) -> dict[str, object]:
    """The fields of `Delta` that the two artifacts tell."""
    packages = None
    if running.packages is not None and coming.packages is not None:
        packages = compare_packages(running.packages, coming.packages)
    sizes = running.size, coming.size
    return {
        "packages": packages,
        "compare_url": compare_url(running.view.annotations, coming.view.annotations),
        "size_bytes": None if None in sizes else (sizes[1] or 0) - (sizes[0] or 0),
    }


def describe(changes: Delta) -> Iterator[str]:
    """A line for each difference but the link, for people; ids and names come from reports."""
    if (found := changes.vulnerabilities) is not None:
        new = _names([f"{each.id} {each.severity} {each.package}" for each in found.new])
        fixed = _names([each.id for each in found.fixed])
        yield (
            f"vulnerabilities: {found.new_count} new{new}, "
            f"{found.fixed_count} fixed{fixed}, {found.unchanged_count} unchanged"
        )
    if (packages := changes.packages) is not None:
        counts = (packages.added_count, packages.removed_count, packages.upgraded_count)
        said = "{} added, {} removed, {} upgraded".format(*counts)
        yield f"packages by unsigned SBOMs: {said}{_names(list(map(_package, packages.listed)))}"
    if changes.size_bytes is not None:
        yield f"size: {changes.size_bytes / 1_000_000:+.1f} MB"
    yield from changes.unknown


def _listed(found: ScanFinding) -> Vulnerability:
    return Vulnerability(
        id=shorten(found.id),
        aliases=tuple(map(shorten, found.aliases[:5])),
        package=shorten(found.package),
        version=shorten(found.version),
        severity=found.severity,
        fixed=found.fixed,
    )


def _package(change: PackageChange) -> str:
    name = change.name.removeprefix("pkg:")
    if change.before is None:
        return f"+{name} {change.after}"
    return f"-{name}" if change.after is None else f"{name} {change.before} → {change.after}"


def _names(names: Sequence[str]) -> str:
    more = " …" if len(names) > _NAMED else ""
    return f" ({', '.join(names[:_NAMED])}{more})" if names else ""


def _short(text: str | None) -> str | None:
    return text and shorten(text)
