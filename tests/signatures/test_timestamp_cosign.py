"""cosign verifies the timestamps of entries, by a trusted root that names the authority."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.adapters.ledger.sealing import Sealing
from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.attestation.statement import predicate_type
from tests.conftest import Place
from tests.peers import raw
from tests.peers.cosign import Cosign
from tests.peers.timestamp_authority import ChainAuthority, TimestampAuthority
from tests.scenarios.engines import promote
from tests.scenarios.sealed import OWN, SIGNING
from tests.scenarios.stamped import publish, stamping, writer

pytestmark = pytest.mark.peers
KIND = predicate_type("promotion", "staging")


@pytest.fixture(params=[TimestampAuthority, ChainAuthority])
def authority(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TimestampAuthority]:
    with request.param(tmp_path / "tsa") as found:
        yield found


@pytest.fixture
def cosign(authority: TimestampAuthority, tmp_path: Path) -> Cosign:
    """cosign with a trusted root that names `authority` and no other service."""
    cosign = Cosign("cosign", tmp_path)
    cosign.trust(OWN)
    chain = (authority.folder / "signer.pem").read_bytes() + authority.certificate_chain
    (tmp_path / "chain.pem").write_bytes(chain)
    none = [f"--no-default-{each}" for each in ("tsa", "fulcio", "rekor", "ctfe")]
    named = f"--tsa=url={authority.url},certificate-chain=chain.pem"
    made = cosign.run("trusted-root", "create", *none, named, "--out", "root.json")
    assert made.returncode == 0, made.stderr
    return cosign


@pytest.mark.parametrize("stamped", [True, False])
def test_cosign_accepts_an_entry_only_with_its_timestamp(
    stamped: bool,
    registry_host: str,
    repository: str,
    opened: Callable[..., DistributionRegistry],
    authority: TimestampAuthority,
    cosign: Cosign,
    tmp_path: Path,
) -> None:
    def push(artifact: object, tag: str) -> None:
        raw.push(registry_host, repository, artifact, tag)  # type: ignore[arg-type]  # as in Place

    sealing: Sealing = stamping(authority) if stamped else SIGNING
    place = Place(opened(registry_host, repository), push)
    with writer(place, tmp_path / "writer", sealing) as engine:
        version = publish(place)
        assert promote(engine, version, "staging").warnings == ()

    reference = f"{registry_host}/{repository}:{version}-dev"
    assert cosign.accepts(reference, KIND, "--use-signed-timestamps") is stamped
    assert cosign.accepts(reference, KIND)
