"""
Signs how a file of a release was built.

https://slsa.dev/spec/v1.0/provenance
"""

import hashlib
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.attestation.bundle import sign_statement
from engine.attestation.statement import make_statement
from engine.domain.artifact import Digest
from engine.ports.signer import Signer

PROVENANCE = "https://slsa.dev/provenance/v1"
_BUILD = "https://floe.dev/build/make-dist/v1"
_OLDEST = 315_619_200  # 1980-01-02: a zip file knows no earlier time.


@dataclass(frozen=True)
class Source:
    """The commit that is built, and its time in seconds since 1970; None outside a clean clone."""

    commit: str | None
    time: int


def read_source(root: Path) -> Source:
    """Read the commit of `root`; there is none if files differ from it."""
    try:
        commit, time = _git(root, "log", "-1", "--format=%H %ct").split()
        edited = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, ValueError, subprocess.SubprocessError):
        return Source(None, _OLDEST)
    return Source(None if edited else commit, int(time))


def attest(file: Path, signer: Signer, source: Source, packages: Sequence[str]) -> Path:
    """Write a bundle beside `file` that cosign verifies; return its path."""
    digest = Digest(f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}")
    statement = make_statement(file.name, digest, PROVENANCE, _predicate(source, packages))
    bundle = file.with_name(f"{file.name}.sigstore.json")
    bundle.write_bytes(sign_statement(statement, signer.sign, signer.public_key()))
    return bundle


def _predicate(source: Source, packages: Sequence[str]) -> dict[str, Any]:
    built_from: list[dict[str, Any]] = [
        {"uri": f"pkg:pypi/{each.replace('==', '@')}"} for each in packages
    ]
    if source.commit:
        commit = {"digest": {"gitCommit": source.commit}}
        built_from.insert(0, {"name": "floe", **commit})
    return {
        "buildDefinition": {
            "buildType": _BUILD,
            "externalParameters": {"SOURCE_DATE_EPOCH": source.time},
            "internalParameters": {
                "platform": sysconfig.get_platform(),
                "python": ".".join(map(str, sys.version_info[:3])),
            },
            "resolvedDependencies": built_from,
        },
        "runDetails": {"builder": {"id": _BUILD}},
    }


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments],  # noqa: S607 - the git of the person who builds
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout
