"""In the recipes of docs/ci.md, a refused promotion fails the job."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.builders import image
from tests.cli.serving import ROOT, Serving, serving
from tests.docs.pages import blocks
from tests.peers import oci_layout
from tests.peers.fake_http import Reply, Request
from tests.peers.fake_issuer import FakeIssuer, reply
from tests.peers.signing import SigningKey, claims
from tests.scenarios.commands import INHERITED, Floe

CI = ROOT / "docs" / "ci.md"
KEY = SigningKey.new("ES256", "key-1")
USAGE, NOT_FOUND, NOT_AUTHORIZED = 2, 3, 12
MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci-layout:./registry"}
  promotion:
    environments: [{name: dev}, {name: staging, authorization: {}}, {name: prod, authorization: {}}]
identity:
  oidc: [{issuer: "%(issuer)s", audience: floe, subjects: [job]}]
"""


class Runner(FakeIssuer):
    """The services of a CI system: an issuer, and an address that returns the job's token."""

    @property
    def token(self) -> str:
        return KEY.sign(claims(self.issuer, sub="job"))

    def respond(self, request: Request) -> Reply:
        if request.path.startswith("/token"):
            return reply({"value": self.token})
        return super().respond(request)


@dataclass(frozen=True)
class Job:
    folder: Path
    runner: Runner
    server: Serving

    @property
    def floe(self) -> Floe:
        return self.server.client(self.folder / "client", self.runner.token)

    def run(self, script: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """
        Run the lines in one shell that stops at an error, as GitHub's and GitLab's runners do.
        """
        folder = self.folder / "job"
        folder.mkdir(exist_ok=True)
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        given = {"PATH": path, "PYTHONPATH": str(ROOT), "FLOE_SERVER": self.server.url}
        return subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=folder,
            env=inherited | given | environ,
            capture_output=True,
            text=True,
            timeout=200,
        )


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    place = tmp_path / "platform"
    for version in ("v1.2.3", "v1.0.0"):
        oci_layout.write(place / "registry", image(version.encode()), f"{version}-dev")
    with started(place) as (runner, server):
        yield Job(tmp_path, runner, server)


@contextmanager
def started(place: Path) -> Iterator[tuple[Runner, Serving]]:
    with Runner(KEY) as runner:
        (place / "manifest.yaml").write_text(MANIFEST % {"issuer": runner.issuer})
        with serving(place) as server:
            yield runner, server


def recipe(kind: str, holding: str) -> str:
    [found] = [b.text for b in blocks(kind) if b.page == CI and holding in b.text]
    return found


def test_refusal_parsed_with_jq_fails_the_job(job: Job) -> None:
    script = recipe("sh", "answer.json")
    signed_in = {"FLOE_ID_TOKEN": job.runner.token}

    refused = job.run(script, **signed_in)
    assert job.floe.run("platform", "promote", "v1.2.3", "--to", "staging").code == 0
    done = job.run(script, **signed_in)

    assert refused.returncode == NOT_FOUND, refused.stdout + refused.stderr
    assert "v1.2.3" in refused.stdout.splitlines()[-1]
    assert done.returncode == 0, done.stdout + done.stderr


def test_job_with_a_refused_token_fails(job: Job) -> None:
    script = recipe("sh", "eyJ").replace("https://floe.example.com", job.server.url)
    stranger = KEY.sign(claims(job.runner.issuer, sub="another"))

    refused = job.run(script.replace("eyJhbGciOi…", stranger))
    malformed = job.run(script)
    done = job.run(script.replace("eyJhbGciOi…", job.runner.token))

    assert refused.returncode == NOT_AUTHORIZED, refused.stdout + refused.stderr
    assert malformed.returncode == USAGE, malformed.stdout + malformed.stderr
    assert done.returncode == 0, done.stdout + done.stderr


def test_github_job_fails_with_its_promotion(job: Job) -> None:
    document = yaml.safe_load(recipe("yaml", "runs-on"))
    [step] = document["jobs"]["promote"]["steps"]
    asked = {
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request",
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{job.runner.issuer}/token?api-version=2.0",
    }
    assert job.floe.run("platform", "promote", "v1.0.0", "--to", "staging").code == 0

    done = job.run(step["run"], GITHUB_REF_NAME="v1.0.0", **asked)
    refused = job.run(step["run"], GITHUB_REF_NAME="v9.0.0", **asked)
    nowhere = asked | {"ACTIONS_ID_TOKEN_REQUEST_URL": f"{job.runner.issuer}/nothing?x=1"}
    without_token = job.run(step["run"], GITHUB_REF_NAME="v1.0.0", **nowhere)

    assert done.returncode == 0, done.stdout + done.stderr
    assert refused.returncode == NOT_FOUND, refused.stdout + refused.stderr
    assert without_token.returncode != 0


def test_gitlab_job_fails_with_its_promotion(job: Job) -> None:
    document = yaml.safe_load(recipe("yaml", "id_tokens"))
    script = "\n".join(document["promote"]["script"])
    signed_in = {"FLOE_ID_TOKEN": job.runner.token}
    assert job.floe.run("platform", "promote", "v1.0.0", "--to", "staging").code == 0

    done = job.run(script, CI_COMMIT_TAG="v1.0.0", **signed_in)
    refused = job.run(script, CI_COMMIT_TAG="v9.0.0", **signed_in)

    assert done.returncode == 0, done.stdout + done.stderr
    assert refused.returncode == NOT_FOUND, refused.stdout + refused.stderr
