"""The GitHub action and the GitLab component, run by a real bash."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest
import yaml

from tests.builders import image
from tests.install.ci_jobs import ACTION, CI, TEMPLATE, Job, github, gitlab, stand_in
from tests.peers import oci_layout
from tests.peers.loopback import free_port

Kind = Callable[..., Job]
MANIFEST = """
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci-layout:./registry"}
"""
PAYLOADS = (
    "$(touch pwned)",
    "`touch pwned`",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "x\ntouch pwned",
    "--help",
    "${{ touch }}",
)
KINDS = pytest.mark.parametrize("kind", [github, gitlab])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout with a manifest and a published version."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "manifest.yaml").write_text(MANIFEST)
    oci_layout.write(checkout / "registry", image(b"v1.0.0"), "v1.0.0-dev")
    return checkout


@pytest.fixture
def pyz(tmp_path: Path) -> dict[str, str]:
    return stand_in(tmp_path)


@KINDS
def test_job_promotes_and_writes_a_summary(kind: Kind, folder: Path, pyz: dict[str, str]) -> None:
    job = kind(version="v1.0.0", to="staging", **pyz)
    summary, outputs = folder / "floe-summary.md", folder / "outputs"

    ran = job.run(folder, GITHUB_STEP_SUMMARY=str(summary), GITHUB_OUTPUT=str(outputs))

    assert ran.returncode == 0, ran.stderr
    assert "Promoted v1.0.0 from dev to staging" in ran.stdout
    written = summary.read_text()
    assert written.startswith("### floe: exit code 0\n\n")
    assert "    Promoted v1.0.0 from dev to staging" in written
    assert outputs.read_text() == "exit-code=0\n"
    assert list((folder / ".runner").iterdir()) == []


@KINDS
def test_exit_code_and_message_of_floe_are_passed_on(
    kind: Kind, folder: Path, pyz: dict[str, str]
) -> None:
    outputs = folder / "outputs"

    ran = kind(version="v9.9.9", to="staging", **pyz).run(folder, GITHUB_OUTPUT=str(outputs))

    assert ran.returncode == 3
    assert "v9.9.9" in ran.stderr
    assert outputs.read_text() == "exit-code=3\n"


@KINDS
def test_dry_run_changes_nothing(kind: Kind, folder: Path, pyz: dict[str, str]) -> None:
    before = (folder / "registry" / "index.json").read_bytes()

    ran = kind(version="v1.0.0", to="staging", dry_run="true", **pyz).run(folder)

    assert ran.returncode == 0, ran.stderr
    assert (folder / "registry" / "index.json").read_bytes() == before


@KINDS
def test_file_with_another_checksum_is_not_run(
    kind: Kind, folder: Path, pyz: dict[str, str]
) -> None:
    ran = kind(version="v1.0.0", to="staging", **pyz | {"sha256": "0" * 64}).run(folder)

    assert ran.returncode == 2
    assert "does not have the checksum in the input 'sha256', and is not run" in ran.stderr
    assert not (folder / "started").exists()


@KINDS
@pytest.mark.parametrize("name", ["version", "to", "pyz", "sha256"])
def test_missing_input_is_named(kind: Kind, folder: Path, pyz: dict[str, str], name: str) -> None:
    inputs = {"version": "v1.0.0", "to": "staging", **pyz, name: ""}

    ran = kind(**inputs).run(folder)

    assert ran.returncode == 2
    assert ran.stderr == f"floe: the input '{name}' is empty: set it in the job\n"


@KINDS
@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_input_is_run_as_a_command(
    kind: Kind, folder: Path, pyz: dict[str, str], payload: str
) -> None:
    inputs = {"version": "v1.0.0", "to": "staging", **pyz}
    optional = dict.fromkeys(("from", "manifest", "product", "wait", "dry-run"), payload)

    for hostile in ({"pyz": payload}, {"sha256": payload}, {**optional, "version": payload}):
        ran = kind(**inputs | hostile).run(folder)

        assert ran.returncode != 0
    assert not list(folder.rglob("pwned"))


@pytest.mark.parametrize("name", ["version", "to"])
def test_input_that_begins_with_a_dash_is_a_value(
    folder: Path, pyz: dict[str, str], name: str
) -> None:
    inputs = {"version": "v1.0.0", "to": "staging", **pyz, name: "--help"}

    ran = github(**inputs).run(folder)

    assert ran.returncode != 0
    assert "Usage" not in ran.stdout


def test_output_holds_no_command_of_the_runner(folder: Path, pyz: dict[str, str]) -> None:
    ran = github(version="v1.0.0", to="staging", **pyz).run(folder)

    first, *inside, last = ran.stdout.splitlines()
    assert first.startswith("::stop-commands::")
    assert last == f"::{first.removeprefix('::stop-commands::')}::"
    assert any("Promoted" in line for line in inside)


def test_action_gets_an_identity_token_for_the_server(folder: Path, pyz: dict[str, str]) -> None:
    with _token_service() as (url, seen):
        ran = github(
            version="v1.0.0", to="staging", server=f"http://127.0.0.1:{free_port()}", **pyz
        ).run(folder, ACTIONS_ID_TOKEN_REQUEST_URL=url, ACTIONS_ID_TOKEN_REQUEST_TOKEN="of-the-job")

    assert ran.returncode == 5
    assert seen == [("Bearer of-the-job", {"api-version": ["2"], "audience": ["floe"]})]
    assert "::add-mask::the-token\n" in ran.stdout
    assert "of-the-job" not in ran.stdout + ran.stderr


def test_no_expression_is_part_of_a_script() -> None:
    [step] = yaml.safe_load(ACTION.read_text())["runs"]["steps"]
    _, template = yaml.safe_load_all(TEMPLATE.read_text())
    [job] = template.values()

    assert "${{" not in step["run"]
    assert "$[[" not in job["script"][0]
    assert job["script"] == [(CI / "promote.sh").read_text()]


@pytest.mark.parametrize(("kind", "mark"), [(github, "deploy/ci@v"), (gitlab, "- component:")])
def test_documented_inputs_are_complete(
    kind: Kind, mark: str, folder: Path, pyz: dict[str, str]
) -> None:
    page = (CI.parents[1] / "docs" / "ci.md").read_text()
    [block] = [each for each in page.split("```yaml\n") if mark in each.partition("```")[0]]
    document = yaml.safe_load(block.partition("```")[0])
    [inputs] = [
        each.get("with", each.get("inputs"))
        for each in document.get("steps", document.get("include"))
        if "sha256" in each.get("with", each.get("inputs"))
    ]

    # Without a server and with a version of this registry.
    ran = kind(**inputs | {"server": "", "version": "v1.0.0", "to": "staging"} | pyz).run(folder)

    assert ran.returncode == 0, ran.stderr


def test_action_and_component_follow_the_published_schemas() -> None:
    spec = find_spec("check_jsonschema")
    assert spec is not None
    assert spec.origin is not None
    schemas = Path(spec.origin).parent / "builtin_schemas" / "vendor"
    action = json.loads((schemas / "github-actions.json").read_text())
    component = json.loads((schemas / "gitlab-ci.json").read_text())

    jsonschema.validate(yaml.safe_load(ACTION.read_text()), action)
    for document in yaml.safe_load_all(TEMPLATE.read_text()):
        jsonschema.validate(document, component)


def test_script_passes_the_linter() -> None:
    linter = Path(sys.executable).with_name("shellcheck")
    if not linter.exists():
        pytest.skip("shellcheck has no wheel for this kind of machine")

    ran = subprocess.run([linter, CI / "promote.sh"], capture_output=True, text=True)

    assert (ran.returncode, ran.stdout) == (0, "")


@contextmanager
def _token_service() -> Iterator[tuple[str, list[tuple[str | None, dict[str, list[str]]]]]]:
    """Answer like GitHub's service for identity tokens; yield its address and its requests."""
    seen: list[tuple[str | None, dict[str, list[str]]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.headers["Authorization"], parse_qs(urlsplit(self.path).query)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"value": "the-token"}')

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/token?api-version=2", seen
        server.shutdown()
