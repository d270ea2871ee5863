"""Engines that issue statements of the versions that may run in prod."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from engine.adapters.ledger.sealing import Sealing
from engine.adapters.statements.legacy import LegacyAttestations
from engine.adapters.statements.publisher import BundlePublisher
from engine.api import Engine
from engine.attestation.current import CurrentPredicate
from engine.attestation.statement import predicate_type
from engine.domain.artifact import Digest, Tag
from engine.execution.attest import Issued, issue_statements
from engine.execution.statements import StatementIssuer
from engine.ports import Clock
from engine.ports.signer import Signer
from tests.builders import image
from tests.conftest import Place
from tests.scenarios.engines import engine_on, path_of, promote, with_parts
from tests.scenarios.sealed import SIGNING

KIND = predicate_type("current", "prod")


@dataclass
class Stage:
    """An engine with the environments dev and prod, and its publisher of statements."""

    place: Place
    engine: Engine
    publisher: BundlePublisher

    def promote(self, version: str) -> tuple[str, ...]:
        """Build `version` and promote it to prod; returns the warnings."""
        self.place.push(image(version.encode()), f"{version}-dev")
        result = promote(self.engine, version, "prod")
        assert result.error is None
        return result.warnings

    def attest(self, *, renew: bool = True) -> Issued:
        places = [self.engine.path.environment("prod")]
        [issued] = issue_statements(self.engine.runner, places, renew=renew)
        return issued

    @property
    def stated(self) -> CurrentPredicate | None:
        found = self.publisher.read("prod")
        return found.stated if found else None

    def versions(self) -> list[str]:
        """The versions that may run, the one that runs first."""
        stated = self.stated
        return [each.version for each in (stated.current, *stated.also)] if stated else []

    def attached(self, version: str) -> list[str]:
        """The digests of the statements that are attached to `version`."""
        digest = self.place.registry.resolve(Tag(f"{version}-dev"))
        assert digest is not None
        listed = self.place.registry.referrers(digest)
        found = [self.place.registry.fetch(Digest(each.digest)) for each in listed]
        kind = "dev.sigstore.bundle.predicateType"
        return [str(m.digest) for m in found if m and m.view.annotations.get(kind) == KIND]


@contextmanager
def stage_on(
    place: Place,
    folder: Path,
    keep: int = 0,
    hours: float = 36,
    clock: Clock | None = None,
    legacy: bool = False,
    sealing: Sealing = SIGNING,
) -> Iterator[Stage]:
    """An engine that states the version in prod and `keep` earlier ones."""
    assert sealing.signer is not None
    assert sealing.trusted is not None
    folder.mkdir(exist_ok=True)
    path = path_of("dev", "prod")
    with engine_on(place.registry, folder, path, sealing=sealing, clock=clock) as engine:
        runner = engine.runner
        older = LegacyAttestations(runner.registry) if legacy else None
        publisher = BundlePublisher(
            runner.registry, runner.leases, sealing.signer, sealing.trusted, older
        )
        valid = timedelta(hours=hours)
        issuer = StatementIssuer(publisher, runner.ledger, runner.clock, keep, valid)
        yield Stage(place, with_parts(engine, statements=issuer), publisher)


def failing(stage: Stage, signer: Signer) -> Stage:
    """The stage with a key that signs entries, and another one for statements."""
    publisher = replace(stage.publisher, signer=signer)
    issuer = stage.engine.runner.statements
    assert isinstance(issuer, StatementIssuer)
    engine = with_parts(stage.engine, statements=replace(issuer, publisher=publisher))
    return Stage(stage.place, engine, stage.publisher)
