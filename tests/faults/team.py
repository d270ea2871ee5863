"""Commands of two people, run in this process; every answer is checked for a clear message."""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from click.testing import CliRunner

from cli.main import floe
from demo.issuer import Issuer, issuer
from tests.builders import image
from tests.peers import oci_layout, raw
from tests.scenarios.commands import Finished

ALICE, BOB = "alice@acme.com", "bob@acme.com"
_MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
state: {dir: "%(state)s"}
artifacts:
  registry: {uri: "%(uri)s", timeout_seconds: 20}
  promotion:
    environments:
      - name: dev
      - name: staging
      - name: prod
        gates: {tests: {command: [sh, -c, "echo tested"]}}
        authorization: {allowed_groups: [developers]}
        approvals: {required: 1, groups: [release-managers]}
    %(more)s
identity:
  oidc: [{issuer: "%(issuer)s", audience: floe, subjects: ["**"]}]
"""
# Refusals: usage or configuration (rights), unavailable, tag conflict, locked, waiting, stale.
_CODES = {0, 2, 5, 10, 13, 14, 15}


@dataclass
class Team:
    """Alice requests, Bob approves. `answers` counts the results by command and exit code."""

    folder: Path
    people: Issuer
    uri: str
    state: Path
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    said: set[str] = field(default_factory=set)

    def configure(self, more: str = "") -> None:
        values = {"state": self.state, "uri": self.uri, "issuer": self.people.url, "more": more}
        (self.folder / "manifest.yaml").write_text(_MANIFEST % values)

    def push(self, version: str) -> None:
        artifact = image(version.encode())
        host, _, repository = self.uri.removeprefix("oci://").partition("/")
        if self.uri.startswith("oci://"):
            raw.push(host, repository, artifact, f"{version}-dev")
        else:
            layout = Path(self.uri.removeprefix("oci-layout:"))
            oci_layout.write(layout, artifact, f"{version}-dev")

    def run(self, *arguments: str, who: str = ALICE) -> Finished:
        """Run a command; it must succeed, or fail with one clear sentence and no traceback."""
        manifest = str(self.folder / "manifest.yaml")
        ended = CliRunner().invoke(
            floe,
            [*arguments, "--manifest", manifest],
            env={"FLOE_ID_TOKEN": self.people.token(who), "FLOE_DEBUG": None},
            standalone_mode=False,
        )
        assert ended.exception is None, repr(ended.exception)
        finished = Finished(int(ended.return_value or 0), ended.stdout, ended.stderr)
        self._judge(finished, arguments)
        return finished

    def succeed(self, *arguments: str, who: str = ALICE) -> Finished:
        """Run a command that must succeed."""
        finished = self.run(*arguments, who=who)
        assert finished.code == 0, (arguments, finished)
        return finished

    def promote(self, version: str, target: str = "staging") -> Finished:
        return self.run("platform", "promote", version, "--to", target, "--output", "json")

    def request_prod(self, version: str) -> str:
        """Request `version` for prod, and return the ID of the change that waits for Bob."""
        waiting = self.promote(version, "prod")
        assert waiting.code == 14, waiting
        return str(waiting.document["change_id"])

    def approve(self, change: str) -> Finished:
        return self.run("platform", "approve", change, "--output", "json", who=BOB)

    def running(self, environment: str) -> str | None:
        """Return the running version; `latest` must match the ledger."""
        shown = self.succeed("platform", "status", "--env", environment, "--output", "json")
        [row] = shown.document
        assert row["alignment"] in ("aligned", "completing", "empty"), row
        return str(row["version"]) if row["version"] else None

    def records(self, environment: str) -> list[str]:
        """Return the kinds of its records, newest first."""
        words = ("platform", "audit", "history", "--env", environment, "--output", "json")
        return [record["kind"] for record in self.succeed(*words).document["records"]]

    def verify_ledgers(self) -> None:
        """Verify all ledgers."""
        self.succeed("platform", "audit", "verify")

    def figures(self, what: str) -> None:
        failed = sum(n for (_, code), n in self.answers.items() if code not in (0, 14))
        total = sum(self.answers.values())
        print(f"{what}: {total} commands, {failed} refused in {len(self.said)} sentences")

    def _judge(self, finished: Finished, arguments: tuple[str, ...]) -> None:
        self.answers[" ".join(arguments[:2]), finished.code] += 1
        everything = finished.out + finished.err
        assert "Traceback" not in everything, everything
        assert "This is a defect" not in everything, everything
        assert finished.code in _CODES, (arguments, finished)
        if finished.code in (2, 5):
            self._is_clear(_sentence(finished))

    def _is_clear(self, sentence: str) -> None:
        """The sentence names the thing, the problem and the fix."""
        if "not found. List changes with" in sentence:
            return
        assert "\n" not in sentence, sentence
        assert 40 < len(sentence) < 500, sentence
        assert str(self.folder) in sentence, sentence
        assert re.search(r"[:;] [a-z]|[.] [A-Z]", sentence), sentence
        self.said.add(re.sub(r"c-[0-9a-f]{8}", "c-…", sentence.replace(str(self.folder), "…")))


def _sentence(finished: Finished) -> str:
    """Return the only sentence of the output."""
    if finished.out.startswith("{"):
        return str(json.loads(finished.out)["error"]["message"])
    lines = [line for line in finished.err.splitlines() if not line.startswith(("Trace ID", "…"))]
    assert len(lines) == 1, finished
    return lines[0]


@contextmanager
def team_in(
    folder: Path, state: Path, uri: str | None = None, layout: Path | None = None, more: str = ""
) -> Iterator[Team]:
    """A platform with the registry `uri`, or with an image layout at `layout`."""
    assert "FLOE_SERVER" not in os.environ
    with issuer() as people:
        team = Team(folder, people, uri or f"oci-layout:{layout or folder / 'registry'}", state)
        team.configure(more)
        yield team
