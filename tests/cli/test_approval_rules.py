"""Two rules on the command line: different people fill them, and answers name the open ones."""

from pathlib import Path

from demo.issuer import issuer
from demo.seed import Layout
from tests.scenarios.commands import Floe

MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci-layout:./registry"}
  promotion:
    environments:
      - name: dev
      - name: prod
        authorization: {allowed_groups: [developers]}
        approvals:
          rules: [{groups: [security]}, {name: on-call, groups: [sre]}]
          escalate: {after: 2h, to: [managers]}
          delegates: {erin@acme.com: {to: bob@acme.com, until: 2036-12-24T09:00:00Z}}
identity:
  groups: {security: [carol@acme.com, alice@acme.com], sre: [erin@acme.com, carol@acme.com]}
  oidc: [{issuer: "%s", audience: floe}]
"""


def test_two_people_fill_two_rules(tmp_path: Path) -> None:
    with issuer() as people:
        Layout(tmp_path / "registry").publish("v1.0.0", {"release": 0})
        (tmp_path / "manifest.yaml").write_text(MANIFEST % people.url)

        def floe(who: str, *words: str) -> object:
            token = {"FLOE_ID_TOKEN": people.token(f"{who}@acme.com")}
            return Floe(tmp_path, token).run("platform", *words)

        asked = floe("alice", "promote", "v1.0.0", "--to", "prod")
        change = next(word for word in asked.out.split() if word.startswith("c-"))
        first = floe("carol", "approve", change)
        again = floe("carol", "approve", change)
        done = floe("bob", "approve", change, "--output", "json")
        verified = floe("bob", "audit", "verify")

    assert asked.code == 14
    assert "open: security (carol@acme.com)\n" in asked.out
    assert "open: on-call from sre (carol@acme.com, erin@acme.com)\n" in asked.out
    assert "on also: managers\n" in asked.out
    assert first.code == 14
    assert "    security: carol@acme.com\n    open: on-call from sre" in first.out
    assert (again.code, "already approved" in again.err) == (12, True)
    assert (done.code, done.document["state"]) == (0, "promoted")
    assert [rule["filled_by"] for rule in done.document["rules"]] == [
        ["carol@acme.com"],
        ["bob@acme.com for erin@acme.com"],
    ]
    assert done.document["approvals"][1]["delegated_by"] == "erin@acme.com"
    assert verified.code == 0, verified.out
