"""Warnings are on stderr, once, in every form of output, and in the document."""

from pathlib import Path

import pytest

from tests.builders import image
from tests.peers import oci_layout
from tests.peers.signing import SigningKey
from tests.scenarios.commands import UNGATED, Floe

LAYOUT = "oci-layout:./registry"
ENVIRONMENTS = "environments: [{name: dev}, {name: prod}]"
RULE = "{name: small, rule: 'size(artifact.layers) > 9', message: use layers, severity: warning}"


@pytest.mark.parametrize("output", ["table", "json"])
@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)])
def test_promotion_warning_is_on_stderr_once(
    tmp_path: Path, output: str, dry_run: tuple[str, ...]
) -> None:
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")
    floe = Floe.on(LAYOUT, tmp_path, f"{{{ENVIRONMENTS}, policies: [{RULE}]}}")

    done = floe.run("platform", "promote", "v1.0.0", "--to", "prod", "--output", output, *dry_run)

    assert (done.code, done.err.count("WARNING: "), done.err.count("use layers")) == (0, 1, 1)
    if output == "json":
        [warning] = done.document["warnings"]
        assert f"WARNING: {warning}\n" in done.err


def test_rollback_dry_run_warning_is_on_stderr_once(tmp_path: Path) -> None:
    floe = Floe.on(LAYOUT, tmp_path, UNGATED)
    for version, content in (("v1.0.0", b"one"), ("v2.0.0", b"two")):
        oci_layout.write(tmp_path / "registry", image(content), f"{version}-dev")
        assert floe.promote(version, "staging").code == 0
    (tmp_path / "release.pub").write_bytes(SigningKey.new().pem())
    manifest = tmp_path / "manifest.yaml"
    verification = "verification: {enforcement: warn, public_keys: [release.pub]}"
    manifest.write_text(
        manifest.read_text().replace("registry: {", f"registry: {{{verification}, ")
    )

    back = ("platform", "rollback", "v1.0.0", "--env", "staging", "--reason", "INC-1")
    done = floe.run(*back, "--dry-run", "--output", "json")

    [warning] = done.document["warnings"]
    assert done.err == f"WARNING: {warning}\n"
