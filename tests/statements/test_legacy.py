"""Attestations in cosign's earlier form are added beside those of the build, and withdrawn."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.attestation.statement import predicate_type
from engine.domain.artifact import Tag
from engine.domain.errors import RegistryAnswerError
from engine.domain.manifest import IMAGE_MANIFEST, Manifest
from tests.builders import image, index
from tests.conftest import Place
from tests.peers import raw
from tests.peers.cosign import Cosign
from tests.scenarios.sealed import OWN
from tests.scenarios.verbs import roll_back
from tests.statements.stage import KIND, Stage, stage_on

PROMOTION = predicate_type("promotion", "prod")


@pytest.fixture
def stage(place: Place, tmp_path: Path) -> Iterator[Stage]:
    with stage_on(place, tmp_path / "writer", legacy=True) as built:
        yield built


def att(stage: Stage, version: str) -> Tag:
    digest = stage.place.registry.resolve(Tag(f"{version}-dev"))
    assert digest is not None
    return Tag(f"sha256-{digest.hex}.att")


def kinds(stage: Stage, version: str) -> list[str]:
    """The types of the attestations of `version` in the earlier form."""
    found = stage.place.registry.fetch(att(stage, version))
    layers = found.view.layers or () if found else ()
    return [layer.annotations["predicateType"] for layer in layers]


def test_attestations_follow_the_ledger(stage: Stage) -> None:
    stage.promote("v1.0.0")
    stage.promote("v1.0.1")
    promoted = [kinds(stage, version) for version in ("v1.0.0", "v1.0.1")]
    result = roll_back(stage.engine, "v1.0.0", "prod")
    stage.attest()

    rollback = predicate_type("rollback", "prod")
    assert result.warnings == ()
    assert promoted == [[PROMOTION], [PROMOTION, KIND]]
    assert kinds(stage, "v1.0.1") == [PROMOTION]
    assert kinds(stage, "v1.0.0") == [PROMOTION, rollback, KIND]


def test_other_attestations_and_fields_stay(stage: Stage) -> None:
    stage.place.push(image(b"v1.0.0"), "v1.0.0-dev")
    theirs = image(b"attested").manifest
    document = json.loads(theirs.content) | {"annotations": {"made": "by the build"}}
    document["layers"][0]["annotations"] = {"predicateType": "https://slsa.dev/provenance/v1"}
    registry = stage.place.registry
    for blob in image(b"attested").blobs:
        registry.open_upload().finish(blob)
    registry.put(Manifest(json.dumps(document).encode(), IMAGE_MANIFEST), att(stage, "v1.0.0"))

    stage.promote("v1.0.0")

    found = registry.fetch(att(stage, "v1.0.0"))
    assert found is not None
    assert found.view.annotations == {"made": "by the build"}
    assert kinds(stage, "v1.0.0") == ["https://slsa.dev/provenance/v1", PROMOTION, KIND]
    config = json.loads(registry.blob(found.view.config.digest, 10_000))  # type: ignore[union-attr]
    layers = found.view.layers or ()
    assert config["rootfs"]["diff_ids"] == [layer.digest for layer in layers]


def test_tag_that_is_no_image_is_a_warning(stage: Stage) -> None:
    artifact = image(b"v1.0.0")
    stage.place.push(artifact, "v1.0.0-dev")
    stage.place.push(index(artifact), att(stage, "v1.0.0").name)

    [warning] = stage.promote("v1.0.0")

    assert "is an index and not an image of attestations" in warning


def test_tag_that_another_writer_keeps_is_an_error(stage: Stage) -> None:
    """The registry answers each write, and keeps none."""
    stage.promote("v1.0.0")
    legacy = stage.publisher.legacy
    assert legacy is not None

    class Forgetful:
        reference = "the registry"

        def __getattr__(self, name: str) -> object:
            return getattr(stage.place.registry, name)

        def put(self, manifest: Manifest, tag: Tag | None = None) -> None: ...

    digest = stage.place.registry.resolve(Tag("v1.0.0-dev"))
    assert digest is not None
    with pytest.raises(RegistryAnswerError, match="another writer"):
        type(legacy)(Forgetful()).replace(digest, PROMOTION, None)  # type: ignore[arg-type]


def copy_legacy(stage: Stage, host: str, repository: str) -> None:
    """Copy the versions and their attestations in the earlier form, without bundles."""
    registry = stage.place.registry
    for version in ("v1.0.0", "v1.0.1"):
        raw.push(host, repository, image(version.encode()), version)
        attestations = registry.fetch(att(stage, version))
        assert attestations is not None
        view = attestations.view
        for blob in (view.config, *(view.layers or ())):
            assert blob is not None
            raw.push_blob(host, repository, registry.blob(blob.digest, 100_000))
        raw.put_manifest(host, repository, attestations, att(stage, version).name)


@pytest.mark.peers
def test_cosign_2_judges_the_earlier_form(
    registry_host: str,
    repository: str,
    opened: Callable[..., DistributionRegistry],
    tmp_path: Path,
) -> None:
    """It looks at the tags alone where no bundle is attached, as in the second repository."""
    cosign, build = Cosign("cosign2", tmp_path), "https://acme.com/build/v1"
    cosign.trust(OWN)
    place = Place(
        opened(registry_host, repository),
        lambda artifact, tag: raw.push(registry_host, repository, artifact, tag),
    )
    place.push(image(b"v1.0.1"), "v1.0.1-dev")
    cosign.attest_legacy(f"{registry_host}/{repository}:v1.0.1-dev", build)

    def accepted(kind: str, key: str = "floe.pub") -> list[str]:
        return [
            version
            for version in ("v1.0.0", "v1.0.1")
            if cosign.accepts_legacy(f"{registry_host}/{repository}-2:{version}", kind, key)
        ]

    with stage_on(place, tmp_path / "writer", legacy=True) as stage:
        stage.promote("v1.0.0")
        stage.promote("v1.0.1")
        copy_legacy(stage, registry_host, f"{repository}-2")
        before = accepted(KIND)
        roll_back(stage.engine, "v1.0.0", "prod")
        copy_legacy(stage, registry_host, f"{repository}-2")

    assert (before, accepted(KIND)) == (["v1.0.1"], ["v1.0.0"])
    assert accepted(PROMOTION) == ["v1.0.0", "v1.0.1"]
    assert accepted(predicate_type("promotion", "staging")) == []
    assert (accepted(build, "cosign.pub"), accepted(build)) == (["v1.0.1"], [])
