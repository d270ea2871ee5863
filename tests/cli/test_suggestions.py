"""Mistyped words are refused with the word that was probably meant."""

from pathlib import Path

import pytest

from tests.builders import image
from tests.peers import oci_layout
from tests.scenarios.commands import Floe


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("promot",), "No such command 'promot'. Did you mean 'promote'?"),
        (("platform", "aprove"), "Did you mean 'approve'?"),
        (("platform", "changes", "shwo"), "Did you mean 'show'?"),
        (("waive",), "Did you mean 'floe platform waive'?"),
        (
            ("verify",),
            "Did you mean 'floe platform audit verify' or 'floe artifact verify'?",
        ),
        (("platform", "serve"), "Did you mean 'floe serve'?"),
        (("lock", "--resaon", "x"), "(Did you mean one of: '--env', '--reason'?)"),
        (("promote", "v1.0.0", "stagng"), "'stagng' is not an environment. Did you mean staging?"),
        (("status", "Staging"), "Did you mean staging? Environments: dev, staging, prod"),
        (("frobnicate",), "No such command 'frobnicate'.\n"),
        (("lock", "moon", "x"), "'moon' is not an environment. Environments: dev, staging, prod"),
    ],
)
def test_mistyped_word_is_refused_with_a_suggestion(
    tmp_path: Path, typed: tuple[str, ...], said: str
) -> None:
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")
    floe = Floe.on("oci-layout:./registry", tmp_path)

    refused = floe.run(*typed)

    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err
