"""The findings of a security scan, and the document in which they are kept with the record."""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from engine.domain.artifact import Digest, Tag
from engine.domain.canonical import canonical_json
from engine.domain.gate import GateResult, SecurityRules, Severity
from engine.domain.policy_document import policy_tag
from engine.domain.purl import Purl
from engine.domain.record_base import Record

FINDINGS_TYPE = "application/vnd.floe.findings.v1+gzip"
MAX_FINDINGS = 20_000
MAX_FINDINGS_BYTES = 4 * 1024 * 1024
# The compressed document; content that does not compress grows a little.
MAX_DOCUMENT_BYTES = MAX_FINDINGS_BYTES + 64 * 1024
_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


def rank(severity: Severity) -> int:
    """0 is the worst; UNKNOWN comes last."""
    return _RANKS[severity]


@dataclass(frozen=True, slots=True)
class ScanFinding:
    """
    All vulnerabilities with one id in one version of a package, merged.

    `aliases` are other ids of the same vulnerability, sorted. `purl` is the package URL, if the
    report has one. `fixed` if a fixed version is known.
    """

    id: str
    package: str
    version: str
    severities: frozenset[Severity]
    fixed: bool
    aliases: tuple[str, ...] = ()
    purl: str | None = None

    @property
    def severity(self) -> Severity:
        """The worst of `severities`."""
        return min(self.severities, key=rank)

    @property
    def order(self) -> tuple[int, str, str, str]:
        return rank(self.severity), self.id, self.package, self.version

    @property
    def ids(self) -> tuple[str, ...]:
        """The id and the aliases."""
        return (self.id, *self.aliases)

    @property
    def package_url(self) -> str | None:
        """`purl` without version, qualifiers and subpath; None without one."""
        return package_url(self.purl) if self.purl else None

    def blocks(self, rules: SecurityRules) -> bool:
        """Whether `rules` block an artifact with it."""
        if rules.ignore_unfixed and not self.fixed:
            return False
        return any(_too_severe(severity, rules) for severity in self.severities)


@lru_cache(maxsize=8192)
def package_url(purl: str) -> str:
    """`purl` without version, qualifiers and subpath: `pkg:npm/lodash`; normalized, if valid."""
    try:
        found = Purl.parse(purl)
    except ValueError:
        return purl.partition("?")[0].partition("#")[0]
    path = "/".join(filter(None, (found.namespace, found.name)))
    return f"pkg:{found.type}/{quote(path, safe='/+:')}"


@dataclass(frozen=True, slots=True)
class ScanFindings:
    """The findings of one scan, the worst first; none are listed if there are too many to keep."""

    findings: tuple[ScanFinding, ...]
    truncated: bool = False

    def encode(self) -> bytes:
        """Compress to the document that a record names by its digest, within the limits."""
        many = self.truncated or len(self.findings) > MAX_FINDINGS
        content = _document(() if many else self.findings, truncated=many)
        if len(content) > MAX_FINDINGS_BYTES:
            content = _document((), truncated=True)
        return gzip.compress(content, mtime=0)

    @classmethod
    def decode(cls, content: bytes) -> "ScanFindings":
        """Read the document; ValueError if it is not one, or larger than the limits."""
        try:
            unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            text = unpack.decompress(content, MAX_FINDINGS_BYTES + 1)
            if len(text) > MAX_FINDINGS_BYTES or not unpack.eof:
                raise ValueError(f"is larger than {MAX_FINDINGS_BYTES} bytes, or incomplete")
            found = json.loads(text)
            return cls(tuple(map(_finding, found["findings"])), found["truncated"] is not False)
        except (zlib.error, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"is not a document of findings: {error!r}") from error


def findings_of(record: Record) -> str | None:
    """The digest of the kept findings that `record` names; None if it names none."""
    results: Iterable[GateResult] = getattr(record, "gate_results", ())
    summaries = (each.security_summary for each in results)
    return next((each.findings for each in summaries if each and each.findings), None)


def findings_tag(record: Record) -> Tag | None:
    """The tag of the findings that `record` names in a registry; None if it names none."""
    digest = findings_of(record)
    return Tag(f"floe-findings.{Digest(digest).hex}") if digest else None


def document_tags(record: Record) -> Iterator[Tag]:
    """The tags of the documents that `record` names in a registry: its policy and its findings."""
    yield policy_tag(record.policy_digest)
    if findings := findings_tag(record):
        yield findings


def _too_severe(severity: Severity, rules: SecurityRules) -> bool:
    """Whether `severity` is configured to block, or worse than a configured one."""
    if severity in rules.block_on_severity:
        return True
    known = rules.block_on_severity - {Severity.UNKNOWN}
    return any(rank(severity) < rank(threshold) for threshold in known)


def _document(findings: Iterable[ScanFinding], *, truncated: bool) -> bytes:
    listed = [
        {
            "id": each.id,
            "package": each.package,
            "version": each.version,
            "severities": sorted(severity.value for severity in each.severities),
            "fixed": each.fixed,
        }
        | ({"aliases": list(each.aliases)} if each.aliases else {})
        | ({"purl": each.purl} if each.purl else {})
        for each in findings
    ]
    return canonical_json({"findings": listed, "truncated": truncated})


def _finding(entry: dict[str, Any]) -> ScanFinding:
    purl, severities = entry.get("purl"), frozenset(map(Severity, entry["severities"]))
    if not severities or entry["fixed"] not in (True, False):
        raise ValueError("has a finding without a severity, or without a fix that is known or not")
    return ScanFinding(
        id=str(entry["id"]),
        package=str(entry["package"]),
        version=str(entry["version"]),
        severities=severities,
        fixed=entry["fixed"],
        aliases=tuple(map(str, entry.get("aliases", ()))),
        purl=str(purl) if purl else None,
    )
