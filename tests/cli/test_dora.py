"""`floe platform dora`, alone and through a server: the same figures."""

from pathlib import Path

import pytest

from tests.builders import image
from tests.cli.serving import serving
from tests.peers import oci_layout
from tests.scenarios.commands import Floe


@pytest.fixture
def floe(tmp_path: Path) -> Floe:
    """Two versions were promoted, and the second was rolled back."""
    floe = Floe.on("oci-layout:./registry", tmp_path)
    for version in ("v1.0.0", "v1.1.0"):
        oci_layout.write(tmp_path / "registry", image(version.encode()), f"{version}-dev")
        assert floe.run("platform", "promote", version, "--to", "staging").code == 0
    back = ("rollback", "v1.0.0", "--env", "staging", "--reason", "INC-1")
    assert floe.run("platform", *back).code == 0
    return floe


def test_figures_are_shown_with_their_definitions(floe: Floe) -> None:
    text = floe.run("platform", "dora").out
    document = floe.run("platform", "dora", "--since", "1d", "--output", "json").document

    dev, staging, _ = document["environments"]
    assert (dev["deployments"], dev["change_fail_rate"]) == (0, None)
    assert (staging["deployments"], staging["failed_deployments"]) == (2, 1)
    assert (staging["deployments_per_day"], staging["change_fail_rate"]) == (2.0, 0.5)
    assert staging["recovery_time_seconds"] > 0
    assert "50% (1)" in text and "change fail rate: share of" in text


def test_server_answers_the_same(floe: Floe, tmp_path: Path) -> None:
    alone = floe.run("platform", "dora", "--output", "json").document
    with serving(tmp_path) as server:
        through = server.client(tmp_path / "client").run("platform", "dora", "--output", "json")

    same = ("deployments", "failed_deployments", "change_fail_rate", "recovery_time_seconds")
    assert [[row[name] for name in same] for row in through.document["environments"]] == [
        [row[name] for name in same] for row in alone["environments"]
    ]


@pytest.mark.parametrize(("since", "said"), [("2y", "is not a time"), ("400d", "at most 366 days")])
def test_impossible_period_is_refused(floe: Floe, since: str, said: str) -> None:
    answer = floe.run("platform", "dora", "--since", since)

    assert answer.code == 2
    assert said in answer.err
