"""The command line on a path with branches."""

from pathlib import Path

from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.commands import Floe

REGIONS = (
    "{environments: [{name: dev}, {name: eu}, {name: us, after: [dev]}, "
    "{name: prod, after: [eu, us]}]}"
)


def test_promotion_needs_every_branch(tmp_path: Path) -> None:
    oci_layout.write(tmp_path / "registry", image(b"v1.0.0"), "v1.0.0-dev")
    floe = Floe.on("oci-layout:./registry", tmp_path, REGIONS)
    promote = ("platform", "promote", "v1.0.0", "--to")

    first, early = floe.run(*promote, "us"), floe.run(*promote, "prod")
    wrong = floe.run(*promote, "prod", "--from", "dev")
    second = floe.run(*promote, "eu")
    done = floe.run(*promote, "prod", "--from", "us", "--output", "json")
    status = floe.run("platform", "status")
    rows = floe.run("platform", "status", "--output", "json").document
    audited = floe.run("platform", "audit", "verify")

    assert (first.code, second.code, done.code, audited.code) == (0, 0, 0, 0), audited.err
    assert early.code == 11
    assert "floe platform promote v1.0.0 --to eu" in early.err
    assert wrong.code == 9
    assert "Required path: dev -> eu; dev -> us; eu and us -> prod" in wrong.err
    assert done.document["source_environment"] == "eu and us"
    assert "after eu and us" in status.out
    assert [row.get("after") for row in rows] == [None, "dev", "dev", "eu and us"]
