"""The Slack app manifest is valid, and everything in it has a listener."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import bot
from engine.config.people import SlashCommands

FILE = Path(bot.__file__).parent / "slack-app.yaml"
# Slack refuses an app manifest with a reserved command name.
_RESERVED = """
active archive away collapse dm dnd expand feed help invite join kick leave me msg mute open pro
remind rename search shortcuts shrug status topic who
"""
RESERVED = {f"/{name}" for name in _RESERVED.split()}


@pytest.fixture(scope="module")
def manifest() -> Any:
    return yaml.safe_load(FILE.read_text())


def test_no_command_has_a_reserved_name(manifest):
    commands = [c["command"] for c in manifest["features"]["slash_commands"]]

    assert not RESERVED & set(commands)
    assert commands == list(SlashCommands().model_dump().values())


@pytest.mark.requirement("SL-001")
def test_every_command_shortcut_and_event_has_a_listener(stage, manifest):
    for command in manifest["features"]["slash_commands"]:
        assert stage.command(f"{command['command']} help").status == 200, command
        assert command["should_escape"] is True
    for event in manifest["settings"]["event_subscriptions"]["bot_events"]:
        assert stage.event({"type": event, "user": "U01ALICE"}).status == 200, event
    for shortcut in manifest["features"]["shortcuts"]:
        assert shortcut["callback_id"] == "lock_from_message"
    assert stage.command("/unknown").status == 404


def test_app_manifest_is_within_limits(manifest):
    shown = manifest["display_information"]

    assert len(shown["name"]) <= 35
    assert len(shown["description"]) <= 140
    for command in manifest["features"]["slash_commands"]:
        assert len(command["command"]) <= 32
        assert len(command["description"]) <= 2000
        assert len(command["usage_hint"]) <= 1000
    for shortcut in manifest["features"]["shortcuts"]:
        assert len(shortcut["name"]) <= 24


def test_all_requests_use_one_url(manifest):
    settings = manifest["settings"]
    urls = {c["url"] for c in manifest["features"]["slash_commands"]}
    urls |= {settings["event_subscriptions"]["request_url"]}
    urls |= {settings["interactivity"]["request_url"]}
    urls |= {settings["interactivity"]["message_menu_options_url"]}

    [url] = urls

    assert url.endswith("/slack/events")


def test_every_scope_is_explained_in_the_docs(manifest):
    page = (FILE.parents[1] / "docs/slack.md").read_text()

    asked = manifest["oauth_config"]["scopes"]["bot"]
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert [scope for scope in asked if not any(f"`{scope}`" in row for row in rows)] == []
