"""The answer about waivers, and their OpenVEX document."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Self
from urllib.parse import quote

from pydantic import Field

from engine.domain.canonical import canonical_json
from engine.domain.errors import PromotionError
from engine.domain.record_base import UtcTime
from engine.domain.status import EnvironmentStatus
from engine.domain.text import iso_time
from engine.domain.waiver import is_purl, show_until
from engine.responses.common import Document, Error, ErrorInfo, Response, Success, TraceId

OPENVEX = "https://openvex.dev/ns/v0.2.0"


@dataclass(frozen=True)
class WaiveInput:
    """The input of a waiver as typed."""

    environment: str
    vulnerability: str
    package: str | None
    until: str
    reason: str


class WaiverInfo(Response):
    """A waiver in force."""

    environment: str = Field(description="environment whose gates let the vulnerability pass")
    vulnerability: str = Field(description="ID of the vulnerability")
    package: str | None = Field(description="package URL or name; null: every package")
    until: UtcTime = Field(description="end of the waiver")
    operator: str = Field(description="person or workload that waived it")
    reason: str = Field(description="reason as given, at most 160 characters")
    record: str = Field(description="ID of the record")

    @property
    def statement(self) -> str:
        return (
            f"Accepted in {self.environment} until {show_until(self.until)} by {self.operator}: "
            f"{self.reason}"
        )


class WaiversResponse(Response):
    """The waivers in force."""

    success: Success = Field(description="whether all ledgers could be read")
    repository: str | None = Field(description="registry and repository of the artifacts")
    waivers: tuple[WaiverInfo, ...] = Field(description="the waivers, by environment")
    read_at: UtcTime | None = Field(description="time at which they were in force")
    trace_id: TraceId
    error: Error

    @classmethod
    def of(
        cls, rows: Iterable[EnvironmentStatus], repository: str, now: datetime, trace_id: str
    ) -> Self:
        """The answer from the status of environments; one that cannot be read is an error."""
        rows = tuple(rows)
        error = next((row.error for row in rows if row.error), None)
        found = [
            WaiverInfo(environment=row.name, **waiver.model_dump())
            for row in rows
            for waiver in row.waivers
        ]
        return cls.build(
            success=error is None,
            repository=repository,
            waivers=tuple(found) if error is None else (),
            read_at=now,
            trace_id=trace_id,
            error=ErrorInfo.of(error) if error else None,
        )

    @classmethod
    def failed(cls, error: PromotionError, trace_id: str) -> Self:
        return cls.build(waivers=(), trace_id=trace_id, error=ErrorInfo.of(error))

    def openvex(self) -> Document:
        """
        An OpenVEX document with a statement for each waiver.

        OpenVEX has no status for accepted risks, and scanners skip only `not_affected`. So the
        impact statement says who accepted the risk, and until when.
        """
        statements = [self._statement(each) for each in self.waivers]
        identity = sha256(canonical_json(statements)).hexdigest()
        return {
            "@context": OPENVEX,
            "@id": f"urn:floe:waivers:{identity}",
            "author": "floe",
            "timestamp": iso_time(self.read_at) if self.read_at else None,
            "version": 1,
            "statements": statements,
        }

    def _statement(self, waiver: WaiverInfo) -> Document:
        repository = self.repository or ""
        name = repository.rpartition("/")[2].lower()
        product: Document = {"@id": f"pkg:oci/{quote(name)}?repository_url={quote(repository)}"}
        if waiver.package:
            purl = waiver.package
            subcomponent = purl if is_purl(purl) else f"pkg:generic/{quote(purl, safe='')}"
            product["subcomponents"] = [{"@id": subcomponent}]
        return {
            "vulnerability": {"name": waiver.vulnerability},
            "products": [product],
            "status": "not_affected",
            "impact_statement": waiver.statement,
        }
