"""Reads the comparable facts of an artifact: its kept findings, and its attached packages."""

from datetime import datetime
from typing import TYPE_CHECKING

from engine.domain.artifact import Digest
from engine.domain.errors import ContentMissingError, RegistryAnswerError, RegistryRefusalError
from engine.domain.impact.delta import Build, Delta, Release, make_delta
from engine.domain.impact.packages import MAX_SBOM_BYTES, read_packages
from engine.domain.ledger import LedgerEntry
from engine.domain.manifest import Manifest, ManifestView
from engine.domain.record import Previous
from engine.domain.scan import MAX_DOCUMENT_BYTES, ScanFindings, findings_of
from engine.ports import RegistryReader, Verifier

if TYPE_CHECKING:  # few requests need it
    from engine.domain.openvex import VexStatements

_SBOMS = ("cyclonedx+json", "spdx+json")
# Two would be enough: a producer may attach one of each format.
_TRIED = 3


def compare_releases(registry: RegistryReader, before: Release, after: Release) -> Delta:
    """Compare the kept scans and the builds of two releases: at most ten requests."""
    old, new = (Previous(version=r.version, digest=str(r.digest)) for r in (before, after))
    scans = (read_findings(registry, before.findings), read_findings(registry, after.findings))
    builds = (
        read_build(registry, before.digest, before.version),
        read_build(registry, after.digest, after.version),
    )
    found = make_delta(old, new, scans, builds)
    if found is None:
        raise AssertionError("scans and builds were compared")
    return found


def read_findings_of(registry: RegistryReader, entry: LedgerEntry | None) -> ScanFindings | None:
    """Read the findings that `entry` names; see `read_findings`."""
    return read_findings(registry, findings_of(entry.record) if entry else None)


def read_findings(registry: RegistryReader, digest: str | None) -> ScanFindings | None:
    """
    Read kept findings: one request. None if none are kept, or they were deleted; altered ones are
    unknown, like those that were too many to keep.
    """
    if digest is None:
        return None
    try:
        return ScanFindings.decode(registry.blob(digest, MAX_DOCUMENT_BYTES))
    except ContentMissingError:
        return None
    except RegistryRefusalError:
        raise
    except (RegistryAnswerError, ValueError):
        return ScanFindings((), truncated=True)


def read_vex(
    verifier: Verifier, registry: RegistryReader, artifact: Digest, now: datetime
) -> "VexStatements | None":
    """Read the signed statements about `artifact`, as the port `Verifier` says."""
    found = verifier.vex(registry, artifact)
    return found.known_at(now) if found else None


def read_build(registry: RegistryReader, found: Manifest | Digest, version: str) -> Build:
    """
    Read the artifact `found` and its attached SBOM: one request for the list of referrers, two for
    an SBOM, and one for a manifest that is not read yet.
    """
    try:
        manifest = found if isinstance(found, Manifest) else registry.fetch(found)
        if manifest is None:
            return _unread(f"{version} is no longer in the registry")
        return _with_packages(registry, manifest, version)
    except RegistryRefusalError:
        raise
    except (RegistryAnswerError, ValueError) as error:
        return _unread(f"{version} cannot be compared: {error}")


def _with_packages(registry: RegistryReader, manifest: Manifest, version: str) -> Build:
    listed = registry.referrers(manifest.digest)
    wanted = [each for each in listed if (each.artifact_type or "").endswith(_SBOMS)]
    problem = f"no SBOM is attached to {version}"
    for each in wanted[:_TRIED]:
        attached = registry.fetch(Digest(each.digest))
        subject = attached.view.subject if attached else None
        layers = (attached.view.layers if attached else None) or ()
        if subject is None or subject.digest != str(manifest.digest) or len(layers) != 1:
            problem = f"the SBOM of {version} cannot be read: its manifest is another one"
            continue
        try:
            packages = read_packages(registry.blob(layers[0].digest, MAX_SBOM_BYTES))
        except ValueError as error:
            problem = f"the SBOM of {version} cannot be read: it {error}"
        else:
            return Build(manifest.view, packages)
    return Build(manifest.view, problem=problem)


def _unread(problem: str) -> Build:
    return Build(ManifestView(schema_version=2), problem=problem)
