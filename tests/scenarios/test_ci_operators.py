"""CI jobs are named by issuer and subject, and a refusal shows the line that admits the job."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.builders import image
from tests.peers import oci_layout
from tests.peers.fake_issuer import FakeIssuer
from tests.peers.signing import SigningKey, claims
from tests.scenarios.commands import Finished, Floe

pytestmark = pytest.mark.requirement("FR-046")
MAIN = "repo:acme/platform:ref:refs/heads/main"
MAIN_WITH_IDS = "repo:acme@123456/platform@789012:ref:refs/heads/main"
_LINE = re.compile(r"allowed_operators: (\[.*?\])(?= under )")
_MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci-layout:./registry"}
  promotion:
    environments:
      - name: dev
      - name: prod
        authorization: {allowed_operators: %(allowed)s}
identity:
  groups: {deployers: %(members)s}
  oidc: [{issuer: "%(issuer)s", audience: floe, subjects: ["**"]}]
"""


@dataclass(frozen=True)
class Jobs:
    """Jobs of one issuer promote v1.0.0 from dev to prod in `folder`."""

    folder: Path
    issuer: FakeIssuer
    key: SigningKey

    def allow(self, *names: str, members: str = "[nobody@acme.com]") -> None:
        listed = json.dumps(names)
        rules = {"allowed": listed, "members": members, "issuer": self.issuer.issuer}
        (self.folder / "manifest.yaml").write_text(_MANIFEST % rules)

    def id(self, subject: str) -> str:
        return f"oidc:{self.issuer.issuer}#{subject}"

    def promote(self, subject: str, *more: str) -> Finished:
        token = self.key.sign(claims(self.issuer.issuer, sub=subject))
        floe = Floe(self.folder, {"FLOE_ID_TOKEN": token})
        return floe.run("platform", "promote", "v1.0.0", "--to", "prod", *more)


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")
    key = SigningKey.new()
    with FakeIssuer(key) as issuer:
        yield Jobs(tmp_path, issuer, key)


@pytest.mark.parametrize(
    "subject",
    [
        MAIN,
        MAIN_WITH_IDS,
        "project_path:acme/platform:ref_type:branch:ref:main",
        'repo:acme/platform:environment:a "b" #c, [d]: \\e',
    ],
)
def test_line_in_a_refusal_admits_the_job(jobs: Jobs, subject: str) -> None:
    jobs.allow("alice@acme.com")

    refused = jobs.promote(subject)

    line = _LINE.search(refused.err)
    assert refused.code == 12, refused.err
    assert line, refused.err
    names = yaml.safe_load(line[1])
    assert names == ["alice@acme.com", jobs.id(subject)]
    jobs.allow(*names)
    admitted = jobs.promote(subject)
    assert admitted.code == 0, admitted.err


@pytest.mark.parametrize(
    "other",
    [
        MAIN_WITH_IDS,
        "repo:acme/platform:ref:refs/heads/Main",
        "repo:acme/platform:ref:refs/heads/main2",
        "repo:acme-evil/platform:ref:refs/heads/main",
    ],
)
def test_job_with_a_similar_subject_is_another_job(jobs: Jobs, other: str) -> None:
    jobs.allow(jobs.id(MAIN))

    refused = jobs.promote(other)
    admitted = jobs.promote(MAIN)

    assert refused.code == 12, refused.err
    assert admitted.code == 0, admitted.err


def test_branch_that_differs_by_case_is_not_in_the_other_group(jobs: Jobs) -> None:
    jobs.allow(members=f"['{jobs.id(MAIN)}']")
    text = (jobs.folder / "manifest.yaml").read_text()
    (jobs.folder / "manifest.yaml").write_text(
        text.replace("allowed_operators: []", "allowed_groups: [deployers]")
    )

    refused = jobs.promote(MAIN.replace("main", "MAIN"))
    admitted = jobs.promote(MAIN)

    assert refused.code == 12, refused.err
    assert admitted.code == 0, admitted.err


def test_unverified_operator_gets_no_line(jobs: Jobs) -> None:
    jobs.allow("alice@acme.com")

    refused = Floe(jobs.folder).run("platform", "promote", "v1.0.0", "--to", "prod")

    assert refused.code == 12
    assert "is not verified" in refused.err
    assert "To admit" not in refused.err
