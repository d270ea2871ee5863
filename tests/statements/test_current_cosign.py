"""cosign follows rollbacks by the statement of the current state, where a registry deletes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.adapters.statements.manifests import listed_descriptor
from engine.attestation.statement import predicate_type
from engine.bootstrap.clock import SystemClock
from engine.domain.artifact import Digest
from engine.ports import Clock
from tests.conftest import Place
from tests.docs.pages import ROOT, blocks
from tests.peers import raw
from tests.peers.cosign import VERSIONS, Cosign
from tests.peers.docker_registry import docker_registry
from tests.peers.go import referrers_registry
from tests.scenarios.engines import TickingClock
from tests.scenarios.sealed import OWN
from tests.scenarios.verbs import roll_back
from tests.statements.stage import KIND, stage_on

pytestmark = pytest.mark.peers
PROMOTION = predicate_type("promotion", "prod")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
HOSTS = ["that deletes", "that does not delete", "with the referrers API"]


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with ExitStack() as stack:
        if request.param == HOSTS[-1]:
            yield stack.enter_context(referrers_registry())
        else:
            deletes = request.param == HOSTS[0]
            yield stack.enter_context(docker_registry(tmp_path, deletes=deletes)).host


Open = Callable[..., DistributionRegistry]


def place_on(host: str, repository: str, opened: Open) -> Place:
    return Place(
        opened(host, repository), lambda artifact, tag: raw.push(host, repository, artifact, tag)
    )


@pytest.fixture(params=VERSIONS)
def cosign(request: pytest.FixtureRequest, tmp_path: Path) -> Cosign:
    cosign = Cosign(request.param, tmp_path)
    cosign.trust(OWN)
    return cosign


def test_version_that_was_rolled_back_is_refused_at_once(
    host: str, repository: str, opened: Open, cosign: Cosign, tmp_path: Path
) -> None:
    def accepted(kind: str) -> list[str]:
        versions = (f"v1.0.{number}" for number in range(3))
        reference = f"{host}/{repository}"
        return [v for v in versions if cosign.accepts(f"{reference}:{v}-dev", kind)]

    with stage_on(place_on(host, repository, opened), tmp_path / "w", keep=1) as stage:
        for number in range(3):
            assert stage.promote(f"v1.0.{number}") == ()
        before = accepted(KIND)
        result = roll_back(stage.engine, "v1.0.1", "prod")
        after = accepted(KIND)

    assert (before, result.warnings) == (["v1.0.1", "v1.0.2"], ())
    assert after == ["v1.0.0", "v1.0.1"]
    assert accepted(PROMOTION) == ["v1.0.0", "v1.0.1", "v1.0.2"]


def write_policy(folder: Path) -> None:
    [policy] = [block for block in blocks("rego") if block.page == ROOT / "docs/admission.md"]
    (folder / "current.rego").write_text(policy.text)


@pytest.mark.parametrize(
    ("clock", "accepted"), [(SystemClock(), True), (TickingClock(LONG_AGO), False)]
)
def test_documented_policy_refuses_an_expired_statement(
    registry_host: str,
    repository: str,
    opened: Open,
    cosign: Cosign,
    tmp_path: Path,
    clock: Clock,
    accepted: bool,
) -> None:
    write_policy(tmp_path)
    with stage_on(place_on(registry_host, repository, opened), tmp_path / "w", clock=clock) as s:
        s.promote("v1.0.0")
    reference = f"{registry_host}/{repository}:v1.0.0-dev"

    assert cosign.accepts(reference, KIND)
    assert cosign.accepts(reference, KIND, "--policy", "current.rego") is accepted


def test_expired_statement_that_is_attached_again_is_not_accepted(
    registry_host: str, repository: str, opened: Open, cosign: Cosign, tmp_path: Path
) -> None:
    """With a policy, cosign judges all statements of a type, and all of them must pass."""
    place = place_on(registry_host, repository, opened)
    write_policy(tmp_path)
    with stage_on(place, tmp_path / "w", clock=TickingClock(LONG_AGO)) as stage:
        stage.promote("v1.0.0")
        [old] = [place.registry.fetch(Digest(each)) for each in stage.attached("v1.0.0")]
    reference = f"{registry_host}/{repository}:v1.0.0-dev"
    with stage_on(place, tmp_path / "w", clock=SystemClock()) as stage:
        stage.attest()
        renewed = cosign.accepts(reference, KIND, "--policy", "current.rego")
        assert old is not None
        assert old.view.subject is not None
        place.registry.put(old)
        place.registry.attach(Digest(old.view.subject.digest), listed_descriptor(old))
        attacked = cosign.accepts(reference, KIND, "--policy", "current.rego")
        stage.attest()

    assert (renewed, attacked) == (True, False)
    assert cosign.accepts(reference, KIND, "--policy", "current.rego")
