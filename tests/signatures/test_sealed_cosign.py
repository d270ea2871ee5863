"""cosign finds the signed entries of a ledger by the artifact, and judges where it may run."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.adapters.signing import PemSigner, generate_key
from engine.attestation.keys import load_der
from engine.attestation.statement import predicate_type
from tests.conftest import Place
from tests.peers import raw
from tests.peers.go import peer, referrers_registry
from tests.scenarios.audited import lock, promote_versions
from tests.scenarios.engines import promote
from tests.scenarios.sealed import OWN, SIGNING, writer

pytestmark = pytest.mark.peers


@pytest.fixture(params=["without the API", "with the API"])
def host(request: pytest.FixtureRequest) -> Iterator[str]:
    with ExitStack() as stack:
        if request.param == "with the API":
            yield stack.enter_context(referrers_registry())
        else:
            yield request.getfixturevalue("registry_host")


@dataclass(frozen=True)
class Judge:
    """`cosign verify-attestation` for the artifacts of one repository."""

    folder: Path
    repository: str

    def accepts(self, tag: str, environment: str, key: PemSigner = OWN) -> bool:
        public = load_der(key.public_key())
        assert public is not None
        (self.folder / "floe.pub").write_text(public.pem)
        command = [peer("cosign"), "verify-attestation", "--key", "floe.pub"]
        command += ["--insecure-ignore-tlog=true", "--allow-http-registry"]
        command += ["--type", predicate_type("promotion", environment)]
        done = subprocess.run(
            [*command, f"{self.repository}:{tag}"],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "panic" not in done.stderr
        return done.returncode == 0


@pytest.fixture
def judge(
    host: str, repository: str, opened: Callable[..., DistributionRegistry], tmp_path: Path
) -> Judge:
    """v1.0.1 was promoted to staging and prod, v1.0.2 to staging only."""
    place = Place(
        opened(host, repository),
        lambda artifact, tag: raw.push(host, repository, artifact, tag),
    )
    with writer(place, tmp_path / "writer", SIGNING) as engine:
        promote_versions(place, engine, last=2)
        promote(engine, "v1.0.1", "prod")
        lock(engine)
    return Judge(tmp_path, f"{host}/{repository}")


def test_cosign_accepts_an_artifact_where_it_was_promoted(judge: Judge) -> None:
    accepted = {
        (version, environment): judge.accepts(f"{version}-dev", environment)
        for version in ("v1.0.1", "v1.0.2")
        for environment in ("staging", "prod")
    }

    assert accepted == {
        ("v1.0.1", "staging"): True,
        ("v1.0.1", "prod"): True,
        ("v1.0.2", "staging"): True,
        ("v1.0.2", "prod"): False,
    }


def test_cosign_refuses_another_key(judge: Judge) -> None:
    assert not judge.accepts("v1.0.1-dev", "prod", generate_key("ecdsa"))
