"""A security gate that reports one vulnerability, and waivers of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.adapters.gates import CommandGates
from engine.adapters.scanners import judge_report
from engine.changes.decisions import Changes
from engine.changes.workflow import Progression
from engine.domain.change import Change
from engine.domain.gate import Gate, GateKind, SecurityRules
from engine.domain.trace import trace_id
from engine.domain.waiver_parsing import parse_unwaive_request, parse_waive_request
from engine.platform import Platform
from tests.conftest import Place
from tests.scenarios.changing import Stage, guarded, stage_on
from tests.scenarios.engines import path_of, with_parts

CVE = "CVE-2026-1"
PURL = "pkg:npm/lodash@4.17.20"


def report(*ids: str, purl: str | None = PURL, aliases: tuple[str, ...] = ()) -> str:
    """A report of Trivy with a fixable critical vulnerability for each of `ids`."""
    found = [
        {
            "VulnerabilityID": each,
            "VendorIDs": list(aliases),
            "PkgName": "lodash",
            "PkgIdentifier": {"PURL": purl} if purl else {},
            "InstalledVersion": "4.17.20",
            "FixedVersion": "4.17.21",
            "Severity": "CRITICAL",
        }
        for each in ids
    ]
    results = [{"Target": "app", "Class": "lang-pkgs", "Type": "npm", "Vulnerabilities": found}]
    head = {"SchemaVersion": 2, "ArtifactName": "app", "ArtifactType": "container_image"}
    return json.dumps(head | {"Results": results})


def scan_gate(folder: Path, *ids: str) -> Gate:
    file = folder / "report.json"
    file.write_text(report(*ids or (CVE,)))
    return Gate(GateKind.SECURITY_SCAN, ("cat", str(file)), security=SecurityRules())


@contextmanager
def scanned_stage(
    place: Place, folder: Path, required: int = 1, **parts: object
) -> Iterator[Stage]:
    """A stage whose staging has a scan gate that finds CVE-2026-1; `parts` are of its engine."""
    folder.mkdir(exist_ok=True)
    staging = replace(guarded(required), gates=(scan_gate(folder),))
    with stage_on(place, folder, path_of("dev", staging, "prod")) as stage:
        runner = CommandGates(folder, {"PATH": "/bin:/usr/bin"}, judge=judge_report)
        engine = with_parts(stage.engine, gate_runner=runner, **parts)
        old = stage.platform
        changes = Changes(engine.runner, old.store, stage.rules.of)
        progression = Progression(engine.runner, old.store, stage.rules.of, stage.members.regroup)
        platform: Platform = replace(old, engine=engine, changes=changes, progression=progression)
        yield replace(stage, platform=platform)


def waive(
    stage: Stage,
    until: str = "2026-10-01",
    package: str | None = None,
    who: str = "alice",
    cve: str = CVE,
    key: str | None = None,
) -> Change:
    request = parse_waive_request(
        stage.engine.path,
        "staging",
        stage.members.operator(who),
        trace_id(),
        cve,
        package,
        until,
        "not reachable",
    )
    return stage.settle(stage.changes.submit(request, "cli", key))


def waived(stage: Stage, **terms: str) -> Change:
    """A waiver that bob approved."""
    return stage.settle(stage.approve(waive(stage, **terms)))


def unwaive(stage: Stage, cve: str = CVE, package: str | None = None) -> str:
    request = parse_unwaive_request(
        stage.engine.path,
        "staging",
        stage.members.operator("alice"),
        "3" * 32,
        cve,
        package,
        "fixed upstream",
    )
    return stage.engine.run(request, stage.progress).outcome.value


def soon() -> str:
    """A day in a month."""
    return f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
