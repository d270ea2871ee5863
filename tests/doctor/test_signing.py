"""`floe doctor` tries the key that signs ledger entries."""

from pathlib import Path

import pytest

from tests.builders import image
from tests.doctor.clinic import examine, prepare
from tests.peers import oci_layout
from tests.scenarios.commands import Floe


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A folder with a registry and two keys, floe.key and other.key."""
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")
    for name in ("floe.key", "other.key"):
        assert Floe(tmp_path).run("keys", "generate", "--out", name).code == 0
    return tmp_path


def ledger(trusted: str, signing: str = "file:floe.key") -> str:
    return f"ledger: {{signing: {{key: '{signing}'}}, trusted_keys: [{trusted}]}}"


def test_usable_key_passes(keys: Path) -> None:
    examined = examine(prepare(keys, more=ledger("floe.key.pub")))

    tries = ("key", "key file", "trusted keys")
    assert {examined.verdict("signing", name) for name in tries} == {"passed"}
    assert examined.code == 0


def test_key_that_is_not_trusted_is_found(keys: Path) -> None:
    examined = examine(prepare(keys, more=ledger("other.key.pub")))

    row = examined.row("signing", "trusted keys")
    assert examined.failed == [("signing", "trusted keys")]
    assert "does not have the signing key" in row["found"]
    assert "floe keys show" in row["advice"]
    assert examined.code == 2


def test_key_that_others_may_read_is_found(keys: Path) -> None:
    (keys / "floe.key").chmod(0o644)

    examined = examine(prepare(keys, more=ledger("floe.key.pub")))

    row = examined.row("signing", "key file")
    assert examined.failed == [("signing", "key file")]
    assert "mode 0644" in row["found"]
    assert row["advice"].startswith(f"Run chmod 600 {keys}/floe.key")


def test_key_that_its_group_may_read_is_a_warning(keys: Path) -> None:
    (keys / "floe.key").chmod(0o640)

    examined = examine(prepare(keys, more=ledger("floe.key.pub")))

    assert examined.verdict("signing", "key file") == "warning"
    assert examined.code == 0


def test_missing_key_is_found(keys: Path) -> None:
    (keys / "floe.key").unlink()

    examined = examine(prepare(keys, more=ledger("floe.key.pub")))

    row = examined.row("signing", "key")
    assert examined.failed == [("signing", "key")]
    assert "No such file" in row["found"]
    assert "floe keys generate" in row["advice"]


def test_variable_that_is_not_set_is_found(keys: Path) -> None:
    examined = examine(prepare(keys, more=ledger("floe.key.pub", "env:LEDGER_KEY")))

    assert examined.failed == [("manifest", "ledger.signing.key"), ("signing", "key")]
    assert "LEDGER_KEY is not set" in examined.row("signing", "key")["found"]
    assert examined.row("signing", "key")["advice"] == "Set it where floe runs"
