"""A signed OpenVEX document admits a version whose scan finds a vulnerability; others do not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.domain.manifest import Manifest
from tests.builders import Artifact, image
from tests.peers import oci_layout
from tests.scenarios.commands import Floe
from tests.waivers.attaching import OTHER, attach, signed, trust_key, unsigned
from tests.waivers.kit import CVE, report

ONE, TWO = image(b"one"), image(b"two")
SUBJECT = ONE.manifest
PROMOTE = ("platform", "promote", "v1.0.0", "--to", "prod")
MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry:
    uri: "oci-layout:./registry"
    {registry}
  promotion:
    environments:
      - name: dev
      - name: prod
        gates: {{security_scan: {{command: [cat, report.json], scanner_format: trivy}}}}
"""


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    """A platform whose prod has a scan gate that finds CVE-2026-1."""
    oci_layout.write(tmp_path / "registry", ONE, "v1.0.0-dev")
    oci_layout.write(tmp_path / "registry", TWO, "v2.0.0-dev")
    (tmp_path / "report.json").write_text(report(CVE))
    (tmp_path / "manifest.yaml").write_text(MANIFEST.format(registry=trust_key(tmp_path)))
    return Floe(tmp_path)


def test_signed_document_admits_the_version_and_is_named(floe: Floe) -> None:
    blocked = floe.run(*PROMOTE)
    assert (blocked.code, CVE in blocked.err) == (8, True)
    source = attach(floe.folder, signed(SUBJECT))
    shown = f"1 cleared by OpenVEX document {source}: not_affected, component_not_present: {CVE}"

    planned = floe.run(*PROMOTE, "--dry-run", "--run-gates")
    done = floe.run(*PROMOTE, "--output", "json")

    assert planned.code == 0
    assert shown in " ".join((planned.out + planned.err).split())
    assert done.code == 0, done.err
    assert any(shown in each for each in done.document["warnings"])
    *_, gate = done.document["gate_results"]
    [[cleared]] = gate["details"]["openvex"].values()
    assert cleared == f"CRITICAL {CVE} lodash 4.17.20"
    history = floe.run("platform", "audit", "history", "--env", "prod", "--output", "json")
    [record] = history.document["records"]
    *_, recorded = record["gate_results"]
    assert recorded["details"] == gate["details"]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (unsigned, "it is not signed. Attach it with: cosign attest"),
        (lambda subject: signed(subject, OTHER), "made with none of the 1 configured public keys"),
        (lambda _: signed(TWO.manifest), ""),
        (lambda subject: signed(subject, status="affected"), ""),
        (lambda subject: signed(subject, justification=""), ""),
    ],
)
def test_other_document_admits_nothing(
    floe: Floe, document: Callable[[Manifest], Artifact], why: str
) -> None:
    source = attach(floe.folder, document(SUBJECT))

    refused = floe.run(*PROMOTE)

    assert refused.code == 8
    shown = f"OpenVEX document ignored: {source}: {why}" if why else CVE
    assert shown in " ".join(refused.err.split())
    assert "Traceback" not in refused.err
    assert floe.run("platform", "audit", "history", "--env", "prod").out.count("v1.0.0") == 0


def test_document_admits_its_own_version_alone(floe: Floe) -> None:
    attach(floe.folder, signed(SUBJECT))

    assert floe.run(*PROMOTE).code == 0
    assert floe.promote("v2.0.0", "prod").code == 8


def test_newer_document_takes_the_clearance_back(floe: Floe) -> None:
    attach(floe.folder, signed(SUBJECT))
    attach(floe.folder, signed(SUBJECT, status="affected", timestamp="2026-09-01T00:00:00Z"))

    refused = floe.run(*PROMOTE)

    assert (refused.code, CVE in refused.err) == (8, True)
