"""The files of `floe init`: complete or absent, and valid for Slack, systemd and Helm."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import bot
from engine.config import load_config
from tests.cli.serving import ROOT
from tests.cli.test_init import FILES, HELM, REGISTRY, UNREACHED, files, init
from tests.scenarios.commands import Floe

SHIPPED = Path(bot.__file__).parent / "slack-app.yaml"
# Sends a signal to itself before the given call of the operating system.
INTERRUPTED = """
import os, sys
event, count, number = sys.argv.pop(1), int(sys.argv.pop(1)), int(sys.argv.pop(1))
def hook(name, _):
    global count
    if name == event:
        count -= 1
        if count == 0:
            os.kill(os.getpid(), number)
from cli.main import main
sys.addaudithook(hook)
main()
"""


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_interruption_between_files_leaves_no_platform(
    count: int, number: signal.Signals, tmp_path: Path
) -> None:
    ended = interrupted(tmp_path, "os.link", count, number)

    assert ended.returncode == (-9 if number == signal.SIGKILL else 130), ended.stderr
    left = files(tmp_path)
    assert "manifest.yaml" not in left
    assert number == signal.SIGKILL or left == set()
    assert init(tmp_path).code == UNREACHED
    assert files(tmp_path) == FILES
    assert Floe(tmp_path).run("keys", "show").code == 0


def test_kill_after_the_last_file_leaves_a_complete_platform(tmp_path: Path) -> None:
    ended = interrupted(tmp_path, "shutil.rmtree", 1, signal.SIGKILL)
    key = (tmp_path / "floe.key").read_bytes()

    refused = init(tmp_path)

    assert ended.returncode == -9
    assert refused.code == 2
    assert files(tmp_path) == FILES
    assert (tmp_path / "floe.key").read_bytes() == key


def test_file_made_by_another_program_in_between_is_kept(tmp_path: Path) -> None:
    script = INTERRUPTED.replace(
        "os.kill(os.getpid(), number)", "open('manifest.yaml', 'x').write('mine')"
    )

    ended = interrupted(tmp_path, "os.link", 2, signal.SIGKILL, script)

    assert ended.returncode == 2
    assert files(tmp_path) == {"manifest.yaml"}
    assert (tmp_path / "manifest.yaml").read_text() == "mine"


def interrupted(
    folder: Path, event: str, count: int, number: signal.Signals, script: str = INTERRUPTED
) -> "subprocess.CompletedProcess[str]":
    """Run `floe init`, which gets the signal before its call `count` of `event`."""
    words = (event, str(count), str(int(number)), "init", "--registry", REGISTRY)
    return subprocess.run(
        [sys.executable, "-c", script, *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
    )


def test_slack_app_for_socket_mode_has_no_address(tmp_path: Path) -> None:
    init(tmp_path)

    text = (tmp_path / "slack-app.yaml").read_text()
    written, shipped = yaml.safe_load(text), yaml.safe_load(SHIPPED.read_text())
    assert written["settings"].pop("socket_mode_enabled") is True
    assert shipped["settings"].pop("socket_mode_enabled") is False
    assert written == without_addresses(shipped)
    assert "floe.example.com" not in text


def test_slack_app_for_http_has_the_address(tmp_path: Path) -> None:
    init(tmp_path, "--slack", "http", "--address", "https://floe.acme.com/")

    text = (tmp_path / "slack-app.yaml").read_text()
    expected = SHIPPED.read_text().replace("https://floe.example.com", "https://floe.acme.com")
    assert yaml.safe_load(text) == yaml.safe_load(expected)
    assert "floe.example.com" not in text


def without_addresses(tree: Any) -> Any:
    addresses = ("url", "request_url", "message_menu_options_url")
    if isinstance(tree, dict):
        return {key: without_addresses(each) for key, each in tree.items() if key not in addresses}
    return [without_addresses(each) for each in tree] if isinstance(tree, list) else tree


def test_systemd_unit_is_valid(tmp_path: Path) -> None:
    done = init(tmp_path, "--deploy", "systemd")

    unit = (tmp_path / "floe.service").read_text()
    assert done.code == UNREACHED, done.err
    assert f"serve --manifest {tmp_path}/manifest.yaml\n" in unit
    assert "EnvironmentFile=/etc/floe/shop.env\n" in unit
    assert "/etc/floe/shop.env" in done.out
    command = ["systemd-analyze", "verify", tmp_path / "floe.service"]
    try:
        verified = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("systemd-analyze is not there")
    # Other units of the machine may be broken.
    assert [line for line in verified.stderr.splitlines() if "floe.service" in line] == []


def test_systemd_unit_with_a_special_path_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "my shop"
    folder.mkdir()

    refused = init(folder, "--deploy", "systemd")

    assert refused.code == 2
    assert f"cannot have the path '{folder}'" in refused.err
    assert files(folder) == set()


def test_helm_values_are_valid_for_the_chart(tmp_path: Path) -> None:
    done = init(tmp_path, *HELM, "--address", "https://floe.acme.com")

    values = yaml.safe_load((tmp_path / "values.yaml").read_text())
    schema = json.loads((ROOT / "deploy/chart/values.schema.json").read_text())
    assert done.code == 0, done.err
    assert "kubectl exec deployment/floe --container floe -- floe doctor" in done.out
    jsonschema.Draft7Validator(schema).validate(values)
    assert values["manifest"] == (tmp_path / "manifest.yaml").read_text()
    assert values["secrets"] == ["floe", "floe-key"]
    environ = {
        "FLOE_LEDGER_KEY": (tmp_path / "floe.key").read_text(),
        "FLOE_STATE_URL": "postgresql://floe@db/floe",
        **dict.fromkeys(("REGISTRY_USERNAME", "REGISTRY_PASSWORD", "OIDC_CLIENT_SECRET"), "x"),
    }
    config = load_config(tmp_path / "manifest.yaml", environ)
    assert config.unset_variables == ()
    assert str(config.state_dir) == "/var/lib/floe"
    shown = Floe(tmp_path, environ).run("keys", "show")
    assert shown.out.startswith((tmp_path / "floe.key.pub").read_text())
    for name in (*environ, "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"):
        assert name in done.out
