"""`make demo`: every command ends with the documented result."""

import re
import subprocess
import sys

import pytest

from tests.docs.commands import transcripts
from tests.docs.pages import ROOT


@pytest.mark.timeout(400)
def test_demo_runs_every_command_and_ends_as_documented() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "demo.run"], cwd=ROOT, capture_output=True, text=True
    )

    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr
    for said in (
        "Private key: floe.key",
        "Promotion would succeed",
        "Promoted v1.2.2 from staging to prod",
        "Rolled back prod to v1.2.2",
        "Killed",
        "Approved by: bob@acme.com",
        "signature verifies",
        "floe.oci.gate.tests",
        "The history in an object store is the ledger's",
        "make serve-demo",
        "The history in a database is the ledger's",
    ):
        assert said in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr
    [tour] = [block for block in transcripts() if block.page.name == "tour.md"]
    assert _commands(f"$ make demo\n{ran.stdout}") == _commands(tour.text), (
        "python -m demo.transcript"
    )


def _commands(text: str) -> list[str]:
    """Return the commands of a transcript and their exit codes, with change IDs removed."""
    lines = re.findall(r"^\S*\$ .*|^\(exit code .*", text, re.MULTILINE)
    return [re.sub(r"c-[0-9a-f]{8}", "c-…", line) for line in lines]
