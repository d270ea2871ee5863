"""The facts of a promotion."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from functools import partial
from statistics import median
from time import monotonic
from typing import TypeVar

from engine.context.comparison import read_findings_of, read_vex
from engine.context.facts import Fact
from engine.context.source_facts import SourceFacts
from engine.domain.artifact import Digest, Version
from engine.domain.compliance import baseline_violations
from engine.domain.gate import Gate, GateKind, GateResult, GateStatus, ScanResult
from engine.domain.impact.analysis import ImpactAnalysis, impact_analysis
from engine.domain.impact.content import read_content
from engine.domain.ledger import LedgerEntry
from engine.domain.manifest import Manifest
from engine.domain.path import NO_ENVIRONMENT
from engine.domain.plan import Effect, GateMode
from engine.domain.policy import PolicySubject
from engine.domain.record import PromotionRecord
from engine.domain.scan import ScanFindings, findings_of
from engine.domain.trace import SPAN_GATE
from engine.ports import GateSubject
from engine.tracing import record_gate_result

T = TypeVar("T")
# The number of newest records from which the usual duration of a gate is computed.
_RUNS = 20
# The number of newest records that are searched for versions that an older one undoes.
_UNDONE = 200


class PromotionContext(SourceFacts):
    """The facts about one promotion at one time."""

    @Fact
    def occupant(self) -> Digest | None:
        """The digest that already has the target's tag of this version, if any."""
        return self._sources.registry.resolve(self.target.tag(self.version))

    @Fact
    def target_record(self) -> LedgerEntry | None:
        """The newest entry that brought this version to the target, with any digest."""
        if self.target_head is None or self.target_promotion is not None:
            return self.target_promotion
        return self._sources.ledger.find_arrival(self.target_head, self.version)

    @Fact
    def target_promotion(self) -> LedgerEntry | None:
        """
        The newest committed promotion of this version into the target, if it has its tag, or if it
        runs there and lost its tag.
        """
        lost = self.occupant is None and self.current
        if self.occupant != self.manifest.digest and not lost:
            return None
        return self._promotion(self.target_head, str(self.version))

    @property
    def running_version(self) -> Version | None:
        """The version that the target runs; None if it is not semantic and so has no order."""
        return self.state.semantic_version

    @property
    def older(self) -> bool:
        """Whether the target runs a version of higher precedence."""
        return self.state.runs_newer_than(self.version)

    @Fact
    def impact(self) -> ImpactAnalysis | None:
        """The impact of a return to an older version, if that is allowed."""
        digest = self.state.digest
        allowed = self.request.overrides.allow_older and self.older and self.target_record is None
        if digest is None or not allowed:
            return None
        content = read_content(self.manifest, self._sources.registry.blob)
        running = self.read_running(Digest(digest))
        return impact_analysis(running, content, self._undone(), self.now)

    def _undone(self) -> list[tuple[str, datetime]]:
        """The promotions of newer versions among the newest records."""
        entries = self._sources.ledger.history(self.target.name, _UNDONE)
        records = [e.record for e in entries if isinstance(e.record, PromotionRecord)]
        return [(r.version, r.at) for r in records if _newer(r.version, self.version)]

    @Fact
    def effect(self) -> Effect:
        """The part of the promotion that is not done yet, by the ledger and the tags."""
        if self.target_promotion is None or not self.current:
            return Effect.CHANGE
        done = self.manifest.digest == self.latest == self.occupant
        return Effect.NOTHING if done else Effect.COMPLETE

    @Fact
    def compliance(self) -> GateResult:
        """The result of the baseline rules and policies, the gate that is always on."""
        kind, started = GateKind.POLICY_COMPLIANCE, monotonic()
        with self._sources.span.span(f"{SPAN_GATE}{kind.value}", gate_type=kind.value) as span:
            problems, warnings, plugins = self._violations()
            status = GateStatus.WARNING if warnings else GateStatus.PASSED
            result = GateResult(
                gate=kind,
                status=GateStatus.FAILED if problems else status,
                duration_ms=int((monotonic() - started) * 1000),
                error="; ".join(problems or warnings) or None,
                details={"plugins": list(plugins)} if plugins else {},
            )
            record_gate_result(span, result)
        return result

    def _violations(self) -> tuple[list[str], list[str], tuple[str, ...]]:
        """Problems that block, warnings, and plug-ins: the baseline first, then the policies."""
        blob = self._sources.registry.blob
        baseline = list(baseline_violations(self.manifest, blob))
        if baseline:
            # Policies need a valid artifact.
            return baseline, [], ()
        source = self.source.name if self.source else NO_ENVIRONMENT
        subject = PolicySubject(self.manifest, str(self.version), source, self.target.name, blob)
        result = self._sources.enforcer.enforce(subject)
        violations = result.violations
        return (
            [str(each) for each in violations if each.severity == "error"],
            [str(each) for each in violations if each.severity == "warning"],
            result.plugins,
        )

    @Fact
    def usual_seconds(self) -> dict[GateKind, float]:
        """The median duration of each gate of the target in its newest runs there, in seconds."""
        if not self.target.gates:
            return {}
        newest = self._sources.ledger.history(self.target.name, _RUNS)
        ran: dict[GateKind, list[float]] = defaultdict(list)
        for entry in newest:
            if isinstance(entry.record, PromotionRecord):
                for result in entry.record.gate_results:
                    if result.status is not GateStatus.SKIPPED:
                        ran[result.gate].append(result.duration_ms / 1000)
        return {kind: median(seconds) for kind, seconds in ran.items()}

    @Fact
    def gate_results(self) -> tuple[GateResult, ...]:
        """The command gates of the target, run on the artifact by its digest."""
        digest = self.manifest.digest
        subject = GateSubject(
            reference=f"{self._sources.registry.reference}@{digest}",
            digest=digest,
            tag=self.source_tag,
            version=str(self.version),
            source=self.source.name if self.source else NO_ENVIRONMENT,
            target=self.target.name,
        )
        gates = [self._with_waivers(gate) for gate in self.target.gates]
        return self._sources.gate_runner.run(gates, subject, self._progress)

    def _with_waivers(self, gate: Gate) -> Gate:
        waivers = self.state.waivers_in_force(self.now)
        if gate.security is None:
            return gate
        sources, digest = self._sources, self.manifest.digest
        vex = partial(read_vex, sources.verifier, sources.registry, digest, self.now)
        return replace(gate, security=replace(gate.security, waivers=waivers, vex=vex))

    @Fact
    def source_findings(self) -> ScanFindings | None:
        """The findings that a source kept, for a dry run, in which no scan runs."""
        if self.target.scan_rules is None or self.mode is GateMode.RUN or self.replaced is None:
            return None
        entries = (each for each in self.source_promotions if each and findings_of(each.record))
        return read_findings_of(self._sources.registry, next(entries, None))

    @property
    def coming_findings(self) -> ScanFindings | None:
        ran = self.peek(PromotionContext.gate_results) or ()
        documents = (each.document for each in ran if isinstance(each, ScanResult))
        document = next(documents, None)
        if document is None:
            return self.peek(PromotionContext.source_findings)
        return ScanFindings.decode(document)

    @property
    def current(self) -> bool:
        """Whether the target runs this version and digest, by its ledger."""
        wanted = (str(self.version), str(self.manifest.digest))
        return (self.state.version, self.state.digest) == wanted

    @property
    def artifact(self) -> Manifest | None:
        return self.manifest

    @Fact
    def committed_entry(self) -> LedgerEntry | None:
        return self.target_promotion


def _newer(text: str, version: Version) -> bool:
    try:
        return version.precedes(Version(text))
    except ValueError:
        return False
