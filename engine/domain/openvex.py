"""
Statements about the vulnerabilities of an artifact, as OpenVEX documents make them.

https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md, versions 0.0.1 and 0.2.0
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from engine.domain.artifact import Digest
from engine.domain.purl import Purl
from engine.domain.scan import ScanFinding

CONTEXT = "https://openvex.dev/ns"
_MAX_STATEMENTS = 10_000
_MAX_CLOCK_SKEW = timedelta(hours=1)
# lib4vex writes the local time without a zone. The first and the last place with that time:
_EARLIEST, _LATEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class _Subcomponent(_Part):
    id: str = Field(default="", alias="@id")
    identifiers: dict[str, str] = {}

    @property
    def purls(self) -> Iterator[Purl]:
        for text in (self.id, self.identifiers.get("purl", "")):
            try:
                yield Purl.parse(text)
            except ValueError:
                continue


class _Product(_Subcomponent):
    hashes: dict[str, str] = {}
    subcomponents: tuple[_Subcomponent | str, ...] = ()

    def is_artifact(self, digest: Digest) -> bool:
        hashes = {value.lower() for kind, value in self.hashes.items() if _is_sha256(kind)}
        return digest.hex in hashes or str(digest) in self.versions

    @property
    def versions(self) -> set[str]:
        """The digests of its images; empty text for an image without one."""
        return {each.version for each in self.purls if each.type == "oci"}


class _Vulnerability(_Part):
    id: str = Field(default="", alias="@id")
    name: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def ids(self) -> frozenset[str]:
        """All ids, in lower case; an `@id` is often the address of a page about it."""
        last = self.id.rstrip("/").rpartition("/")[2]
        named = (self.name, last, *self.aliases)
        return frozenset(each.casefold() for each in named if each)


class _Statement(_Part):
    vulnerability: _Vulnerability | str
    products: tuple[_Product | str, ...] = ()
    # Version 0.0.1 lists them for all products.
    subcomponents: tuple[str, ...] = ()
    status: Literal["not_affected", "affected", "fixed", "under_investigation"]
    justification: str = ""
    impact_statement: str = ""
    timestamp: datetime | None = None
    last_updated: datetime | None = None

    @property
    def reason(self) -> str:
        return self.justification or self.impact_statement

    @property
    def clears(self) -> bool:
        """Whether its vulnerability needs no attention; `not_affected` has to say why."""
        return self.status == "fixed" or (self.status == "not_affected" and bool(self.reason))


class _Document(_Part):
    context: str = Field(alias="@context", pattern=f"^{CONTEXT}(/v[0-9.]+)?$")
    timestamp: datetime | None = None
    last_updated: datetime | None = None
    statements: tuple[_Statement, ...] = Field(max_length=_MAX_STATEMENTS)


@dataclass(frozen=True, slots=True)
class VexStatement:
    """
    A statement of the document `source` about an artifact and the vulnerability `ids`.

    `parts` are the packages of the artifact that it is about, None for one without a package URL;
    without `parts` it is about all packages. It `clears` a vulnerability that needs no attention.
    """

    source: str
    ids: frozenset[str]
    parts: tuple[Purl | None, ...] | None
    status: str
    reason: str
    at: datetime
    clears: bool

    @property
    def order(self) -> tuple[datetime, bool]:
        """By time; of two at the same time, the one that clears nothing is the newer."""
        return self.at, not self.clears

    def covers(self, finding: ScanFinding) -> bool:
        if self.ids.isdisjoint(each.casefold() for each in finding.ids):
            return False
        if self.parts is None:
            return True
        try:
            found = Purl.parse(finding.purl or "")
        except ValueError:
            return not self.clears
        if None in self.parts and not self.clears:
            return True
        return any(part.covers(found) for part in self.parts if part)


@dataclass(frozen=True, slots=True)
class VexStatements:
    """The statements about one artifact, and why documents do not count (`ignored`)."""

    statements: tuple[VexStatement, ...] = ()
    ignored: tuple[str, ...] = ()

    def known_at(self, now: datetime) -> "VexStatements":
        """Without statements that clear and are dated after `now`: later ones could not win."""
        limit = now + _MAX_CLOCK_SKEW
        late = [each for each in self.statements if each.clears and each.at > limit]
        kept = tuple(each for each in self.statements if not each.clears or each.at <= limit)
        said = {f"{each.source}: it is dated in the future, {each.at:%Y-%m-%d}" for each in late}
        return VexStatements(kept, (*self.ignored, *sorted(said)))

    def newest(self, finding: ScanFinding) -> VexStatement | None:
        """The newest statement about `finding` in all documents."""
        about = (each for each in self.statements if each.covers(finding))
        return max(about, key=lambda each: each.order, default=None)

    def clear(self, finding: ScanFinding) -> bool:
        """Whether the newest statement about `finding` clears it."""
        newest = self.newest(finding)
        return newest is not None and newest.clears


def read_statements(
    document: Mapping[str, Any], artifact: Digest, source: str
) -> tuple[VexStatement, ...]:
    """
    The statements of `document`, which an attestation of `artifact` contains, about `artifact`.

    Those without products have the product of the attestation. ValueError if it is malformed.
    """
    found = _Document.model_validate(document)
    return tuple(
        statement
        for each in found.statements
        for statement in _about(each, found, artifact, source)
    )


def _about(
    said: _Statement, document: _Document, artifact: Digest, source: str
) -> Iterator[VexStatement]:
    own = [time for time in (said.timestamp, said.last_updated) if time]
    times = own or [time for time in (document.timestamp, document.last_updated) if time]
    named = said.vulnerability
    ids = (_Vulnerability(name=named) if isinstance(named, str) else named).ids
    if not times or not ids:
        raise ValueError("a statement without a time or a vulnerability")
    at = max(_instant(time, clears=said.clears) for time in times)
    for product in map(_product, said.products or (f"pkg:oci/artifact@{artifact}",)):
        # An image without a digest may be this one.
        if product.is_artifact(artifact) or ("" in product.versions and not said.clears):
            parts = _parts((*product.subcomponents, *filter(None, said.subcomponents)))
            yield VexStatement(source, ids, parts, said.status, said.reason, at, said.clears)


def _instant(time: datetime, *, clears: bool) -> datetime:
    """A time without a zone counts as old if its statement clears, otherwise as new."""
    return time if time.tzinfo else time.replace(tzinfo=_EARLIEST if clears else _LATEST)


def _product(product: _Product | str) -> _Product:
    return _Product.model_validate({"@id": product}) if isinstance(product, str) else product


def _parts(listed: Sequence[_Subcomponent | str]) -> tuple[Purl | None, ...] | None:
    """The packages; None for one without a package URL."""
    if not listed:
        return None
    parts = (_product(each) if isinstance(each, str) else each for each in listed)
    return tuple(purl for part in parts for purl in (tuple(part.purls) or (None,)))


def _is_sha256(kind: str) -> bool:
    return kind.lower() in ("sha-256", "sha256")
