"""The blocks of docs/python.md run one after the other, as a reader would run them."""

import os
import pwd
from pathlib import Path

import pytest

from tests.builders import image
from tests.docs.pages import ROOT, blocks
from tests.manifests import manifest
from tests.peers import oci_layout

PRINTED = (
    "staging None empty",
    "lock passed staging is not locked",
    "promoted sha256:",
    "environment_locked ",
    "needs 1 more approvals",
    "rollback ",
)


def test_blocks_of_the_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for version in ("v1.4.0", "v1.5.0"):
        oci_layout.write(tmp_path / "registry", image(version.encode()), f"{version}-dev")
    me = pwd.getpwuid(os.getuid()).pw_name
    text = manifest(identity="trust_os_user: true")
    (tmp_path / "manifest.yaml").write_text(text.replace("developers: [", f"developers: [{me}, "))
    monkeypatch.chdir(tmp_path)
    for name in ("FLOE_SERVER", "FLOE_ID_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    names: dict[str, object] = {}
    for block in blocks("python"):
        if block.page == ROOT / "docs/python.md":
            exec(compile(block.text, str(block), "exec"), names)

    printed = capsys.readouterr().out
    assert [each for each in PRINTED if each not in printed] == [], printed
