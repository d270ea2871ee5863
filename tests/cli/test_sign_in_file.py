"""The tokens of a sign-in are in a private file, or in the keyring."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.runtime.sign_ins import SignIn, SignIns
from tests.cli.desk import Desk, desk_with_fake_provider
from tests.scenarios.commands import Floe, finish

ELSEWHERE = "https://floe.example.com"


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


def test_sign_in_waits_for_a_command_that_renews_another_one(desk: Desk) -> None:
    sign_ins = SignIns(desk.floe.environ)
    with sign_ins.lock():
        process = desk.floe.start("login")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(5)
        sign_ins.keep(ELSEWHERE, renewed())

    assert finish(process).code == 0
    assert len(desk.stored) == 2


def test_sign_out_forgets_what_another_command_renews(desk: Desk) -> None:
    assert desk.run("login").code == 0
    [place] = desk.stored
    sign_ins = SignIns(desk.floe.environ)
    with sign_ins.lock():
        process = desk.floe.start("logout")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(5)
        sign_ins.keep(place, renewed())

    assert finish(process).code == 0
    assert desk.stored == {}


def renewed() -> SignIn:
    return SignIn(issuer=ELSEWHERE, client_id="floe", operator_id="bob", expires_at=1)


def test_user_without_a_home_has_no_sign_ins(desk: Desk) -> None:
    floe = Floe(desk.floe.folder, desk.floe.environ | {"XDG_CONFIG_HOME": "", "HOME": "/dev/null"})

    known = floe.run("whoami")
    refused = floe.run("login")

    assert known.code == 0, known.err
    assert "through the operating system" in known.out
    assert refused.code == 2
    assert "set XDG_CONFIG_HOME to another directory" in refused.err


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
