"""Records that no rule of their policy allows are found, also with valid links and signatures."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from engine.adapters.ledger.sealing import Sealing
from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.signing import generate_key
from engine.api import Engine
from engine.domain.audit import EnvironmentAudit
from engine.domain.identity import Directory
from engine.domain.overrides import Overrides
from engine.domain.path import PromotionPath
from tests.conftest import Place
from tests.peers import oci_layout, raw
from tests.scenarios.audited import messages, stranger_audit, summarize
from tests.scenarios.engines import (
    BOB,
    NOON,
    ProgressLog,
    engine_on,
    promote,
)
from tests.scenarios.forgeries import CASES, PLAIN, Case
from tests.scenarios.forging import LATER, Forger
from tests.scenarios.sealed import SIGNING
from tests.scenarios.tampering import Hand
from tests.scenarios.verbs import artifact, build_and_promote, release, roll_back
from tests.tlog.logged import logging_engine

pytestmark = pytest.mark.requirement("FR-026")
DIRECTORY = Directory.of({"bob@acme.com": ("bob@home",)}, {})


@dataclass(frozen=True)
class Setting:
    """An audit of a registry; `incremental` from a checkpoint made before the forgery."""

    place: Place
    folder: Path
    sealing: Sealing | None
    incremental: bool

    def found(
        self, forge: Callable[[Forger], None], environment: str, path: PromotionPath
    ) -> EnvironmentAudit:
        """
        Promote v1.0.0 and v1.1.0 to staging and prod, run `forge`, and audit `environment`.
        """
        built = engine_on(
            self.place.registry, self.folder, path, sealing=self.sealing, directory=DIRECTORY
        )
        with built as engine:
            self._prepare(engine)
            audited = engine
            if self.incremental:
                audited = logging_engine(engine, generate_key("ed25519"))
                audited.make_checkpoints()
            assert stranger_audit(audited, environment).sound
            forge(Forger(self.place, engine))
            return stranger_audit(audited, environment)

    def _prepare(self, engine: Engine) -> None:
        for version in ("v1.0.0", "v1.1.0"):
            build_and_promote(self.place, engine, version, operator=BOB)
            approvals = engine.path.environment("prod").approvals
            if approvals.required or engine.path.environment("prod").fixed_lock:
                continue
            assert promote(engine, version, "prod").error is None
        assert roll_back(engine, "v1.0.0").error is None
        engine.runner.clock.time = NOON + timedelta(hours=2)  # type: ignore[attr-defined]


@pytest.fixture(params=["layout", "signed registry", "incremental"])
def setting(request: pytest.FixtureRequest, tmp_path: Path, repository: str) -> Iterator[Setting]:
    if request.param == "signed registry":
        host = request.getfixturevalue("registry_host")
        remote = request.getfixturevalue("opened")(host, repository)
        place = Place(remote, lambda built, tag: raw.push(host, repository, built, tag))
        yield Setting(place, tmp_path, SIGNING, incremental=False)
        return
    root = tmp_path / "registry"
    layout = LayoutRegistry.create(root)
    place = Place(layout, lambda built, tag: oci_layout.write(root, built, tag))
    yield Setting(place, tmp_path, None, incremental=request.param == "incremental")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_record_that_breaks_a_rule_is_found(
    setting: Setting,
    case: Case,
) -> None:
    forge, path, environment, expected, text = case

    found = setting.found(forge, environment, path)

    assert {*summarize(found.problems)} == {expected}, messages(found)
    assert text in messages(found)


@pytest.mark.parametrize(("minutes", "sound"), [(59, True), (61, False)])
def test_source_may_be_ahead_by_the_difference_of_clocks(
    setting: Setting, minutes: int, sound: bool
) -> None:
    def forge(forger: Forger) -> None:
        at = LATER + timedelta(minutes=minutes)
        forger.promote("v2.0.0", "staging", artifact("v2.0.0"), promoted_at=at)
        forger.promote("v2.0.0", "prod", artifact("v2.0.0"))

    found = setting.found(forge, "prod", PLAIN)

    assert found.sound is sound, messages(found)


def test_override_and_promotion_after_the_rollback_are_sound(setting: Setting) -> None:
    def forge(forger: Forger) -> None:
        place, engine = forger.place, forger.engine
        overrides = Overrides(override_rollback=True, reason="INC-7")
        build_and_promote(place, engine, "v2.0.0")
        assert roll_back(engine, "v1.0.0").error is None
        engine.runner.clock.time += timedelta(hours=2)  # type: ignore[attr-defined]
        assert promote(engine, "v2.0.0", "prod", overrides=overrides).error is None
        assert release(engine, "v2.0.0").error is None
        assert promote(engine, "v2.0.0", "staging").error is None
        assert roll_back(engine, "v1.1.0", "prod").error is None
        assert release(engine, "v2.0.0", "prod").error is None
        assert promote(engine, "v2.0.0", "prod").error is None

    found = setting.found(forge, "prod", PLAIN)

    assert found.sound, messages(found)


def test_broken_source_is_noted(layout: Place, tmp_path: Path) -> None:
    with engine_on(layout.registry, tmp_path) as engine:
        build_and_promote(layout, engine, "v1.0.0", "v1.1.0")
        assert promote(engine, "v1.1.0", "prod").error is None
        Hand(layout).remove_manifest("floe-ledger.staging.1")

        report = engine.verify(None, ProgressLog())

    prod = report.environments[2]
    assert prod.sound
    assert summarize(prod.notes) == [("unjudged", None)]
    assert "were not compared with the ledger of staging" in messages(prod)
