"""The tokens of a sign-in are in a private file, or in the keyring."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.desk import Desk, desk_with_fake_provider
from tests.scenarios.commands import Floe


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_with_fake_provider(tmp_path) as (desk, _):
        yield desk


@pytest.mark.parametrize("mode", [0o644, 0o660])
def test_file_that_others_can_read_is_refused(desk: Desk, mode: int) -> None:
    desk.file.parent.mkdir(parents=True)
    desk.file.write_text("{}")
    desk.file.chmod(mode)

    refused = desk.run("whoami")

    assert refused.code == 2
    assert f"run chmod 600 {desk.file}" in refused.err


def test_tokens_are_in_the_keyring_where_there_is_one(desk: Desk, tmp_path: Path) -> None:
    # A new interpreter finds modules in its working directory.
    (desk.floe.folder / "keyring.py").write_text(KEYRING)
    environ = desk.floe.environ | {"KEYRING_FILE": str(tmp_path / "ring")}
    floe = Floe(desk.floe.folder, environ, fresh=True)

    signed_in = floe.run("login")
    known = floe.run("whoami")
    text = desk.file.read_text()
    ring = json.loads((tmp_path / "ring").read_text())
    left = floe.run("logout")

    assert signed_in.code == 0, signed_in.err
    assert "bob@acme.com through OIDC" in known.out
    [tokens] = ring.values()
    assert json.loads(tokens)["id_token"] not in text
    assert left.code == 0
    assert json.loads((tmp_path / "ring").read_text()) == {}


# The functions that floe uses of the library keyring, on a file.
KEYRING = """\
import json, os, pathlib
FILE = pathlib.Path(os.environ["KEYRING_FILE"])
def _read(): return json.loads(FILE.read_text()) if FILE.exists() else {}
def get_password(service, name): return _read().get(f"{service} {name}")
def set_password(service, name, secret):
    FILE.write_text(json.dumps(_read() | {f"{service} {name}": secret}))
def delete_password(service, name):
    FILE.write_text(json.dumps({k: v for k, v in _read().items() if k != f"{service} {name}"}))
"""
