"""Every answer about a committed change names its ledger entry, and the audit finds it again."""

import re

import pytest

from demo.seed import seed
from engine.adapters.webhooks.payload import payload_of
from tests.domain.records import a_promotion
from tests.scenarios.commands import Finished, Floe
from tests.tlog.test_commands import MANIFEST

_LINE = re.compile(r"^  Anchor: (\S+#\d+ sha256:[0-9a-f]{64})$", re.MULTILINE)


@pytest.fixture(scope="module")
def floe(tmp_path_factory: pytest.TempPathFactory) -> Floe:
    folder = tmp_path_factory.mktemp("platform")
    (folder / "manifest.yaml").write_text(MANIFEST)
    seed(folder / "registry")
    return Floe(folder)


def verify(floe: Floe, anchor: str) -> Finished:
    return floe.run("platform", "audit", "verify", "--anchor", anchor)


def test_lines_of_committed_changes_carry_anchors(floe: Floe) -> None:
    commands = [
        ("promote", "v1.2.2", "--to", "staging"),
        ("promote", "v1.2.3", "--to", "staging"),
        ("rollback", "v1.2.2", "--env", "staging", "--reason", "broken"),
        ("lock", "--env", "staging", "--reason", "freeze"),
        ("unlock", "--env", "staging", "--reason", "over"),
    ]

    printed = [floe.run("platform", *command) for command in commands]

    anchors = [found for each in printed for found in _LINE.findall(each.out)]
    assert [anchor.split()[0] for anchor in anchors] == [f"staging#{n}" for n in range(1, 6)]
    assert verify(floe, anchors[0]).code == verify(floe, anchors[-1].replace(" ", "=")).code == 0
    assert verify(floe, anchors[0].replace("#1", "#2")).code == 1


def test_json_has_the_anchor_and_repeats_have_none(floe: Floe) -> None:
    locked = floe.run("platform", "lock", "--env", "prod", "--reason", "freeze", "--output", "json")
    floe.run("platform", "unlock", "--env", "prod", "--reason", "over")
    idle = floe.run("platform", "unlock", "--env", "prod", "--reason", "over", "--output", "json")

    anchor = locked.document["anchor"]
    assert anchor.startswith("prod#1 sha256:")
    assert verify(floe, anchor).code == 0
    assert idle.document["anchor"] is None


def test_webhook_carries_the_anchor() -> None:
    anchor = f"prod#7 sha256:{'a' * 64}"

    assert payload_of(a_promotion(), anchor)["anchor"] == anchor


def test_change_and_its_answers_keep_the_anchor(floe: Floe) -> None:
    done = floe.run("platform", "promote", "v1.2.4", "--to", "staging", "--output", "json")

    anchor = done.document["anchor"]
    assert done.code == 0
    assert anchor.startswith("staging#")
    assert verify(floe, anchor).code == 0
