"""The commands of the page about admission, with both major versions of cosign."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.adapters.signing import generate_key
from engine.attestation.keys import load_der
from engine.bootstrap.clock import SystemClock
from engine.domain.artifact import Tag
from tests.conftest import Place
from tests.docs.pages import ROOT, Block, blocks
from tests.peers import raw
from tests.peers.cosign import VERSIONS
from tests.peers.go import peer
from tests.scenarios.sealed import OWN
from tests.statements.stage import KIND, stage_on

PAGE = ROOT / "docs/admission.md"


def block(kind: str, holding: str = "") -> Block:
    [found] = [b for b in blocks(kind) if b.page == PAGE and holding in b.text]
    return found


def run(line: str, program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `line` in `folder`, with `program` as cosign."""
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin/cosign").unlink(missing_ok=True)
    (folder / "bin/cosign").symlink_to(peer(program).resolve())
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env={"PATH": f"{folder}/bin:/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("kind", ["ClusterPolicy", "ClusterImagePolicy"])
def test_documented_policies_name_the_type_of_the_statement(kind: str) -> None:
    policy = yaml.safe_load(block("yaml", f"kind: {kind}\n").text)

    assert (policy["kind"], KIND in json.dumps(policy)) == (kind, True)
    assert "BEGIN PUBLIC KEY" in json.dumps(policy)


@pytest.mark.peers
@pytest.mark.parametrize("program", VERSIONS)
@pytest.mark.parametrize(("trusted", "codes"), [(True, [0, 0, 0]), (False, [0, 1, 1])])
def test_documented_commands_judge_the_artifact_in_prod(
    program: str,
    trusted: bool,
    codes: list[int],
    registry_host: str,
    repository: str,
    opened: Callable[..., DistributionRegistry],
    tmp_path: Path,
) -> None:
    # Under this name, cosign uses plain http.
    host = registry_host.replace("127.0.0.1", "localhost")
    place = Place(
        opened(registry_host, repository),
        lambda artifact, tag: raw.push(registry_host, repository, artifact, tag),
    )
    with stage_on(place, tmp_path / "writer", clock=SystemClock()) as stage:
        stage.promote("v1.0.0")
    digest = place.registry.resolve(Tag("v1.0.0-dev"))
    public = load_der((OWN if trusted else generate_key("ecdsa")).public_key())
    assert public is not None
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/floe.key.pub").write_text(public.pem)
    (tmp_path / "current.rego").write_text(block("rego").text)
    text = block("shell").text.replace("harbor.example.com/acme/platform", f"{host}/{repository}")
    text = re.sub("sha256:[0-9a-f]{64}", str(digest), text)

    ended = [run(line, program, tmp_path) for line in text.splitlines()]

    assert [min(each.returncode, 1) for each in ended] == codes, ended
