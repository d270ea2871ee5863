"""The documentation is true: commands run, manifests load, links resolve."""

import re
import shlex
import tomllib
from contextlib import suppress
from pathlib import Path

import click
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec

from cli.main import floe
from engine.config import load_config
from engine.ports.audit_backend import ENTRY_POINTS
from engine.ports.plugins import GATES, NOTIFIERS, POLICY_ENFORCERS
from tests.docs.commands import (
    EXCEPTIONS,
    commands_of,
    exception_for,
    inline_commands,
    shell_blocks,
    transcripts,
    typed_lines,
)
from tests.docs.pages import PAGES, ROOT, Block, blocks, links
from tests.peers.signing import SigningKey
from tests.peers.timestamp_authority import new_root

MAKEFILE = (ROOT / "Makefile").read_text()
# Files to which a documented manifest refers.
_FILE = re.compile(r"[\w/.-]+\.(?:pub|pem|json)\b")
_ANCHOR = re.compile(r"^#+ (.*)$", re.MULTILINE)
# Numbers of requirements, and links to design decisions.
_OF_DEVELOPERS = re.compile(r"\b(?:FR|NFR|SL|WB|AP)-\d+|\bADR\b|\badr/")
FOR_DEVELOPERS = {
    "CONTRIBUTING.md",
    "docs/README.md",
    "docs/architecture.md",
    "docs/requirements.md",
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_resolves(page: Path) -> None:
    for target in links(page):
        place, _, anchor = target.partition("#")
        if re.match(r"https?:|mailto:", place):
            continue
        found = (page.parent / place).resolve() if place else page
        assert found.exists(), target
        if anchor and found.suffix == ".md":
            assert anchor in {_slug(title) for title in _ANCHOR.findall(found.read_text())}, target


def manifests() -> list[Block]:
    """Return the YAML blocks that are manifests."""
    read = {"artifacts", "identity", "web", "slack", "state"}
    documents = [(block, yaml.safe_load(block.text)) for block in blocks("yaml")]
    return [
        block
        for block, document in documents
        if isinstance(document, dict) and read & {*document} and block.page.name != "products.md"
    ]


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml_is_a_whole_file_or_says_where_it_belongs(block: Block) -> None:
    whole = all(key in (yaml.safe_load(block.text) or {}) for key in ("apiVersion", "kind"))

    assert whole or re.match(r"# (in .*)?\S+\.ya?ml\b", block.text), block.text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_for_users_name_no_requirements_and_decisions(page: Path) -> None:
    name = str(page.relative_to(ROOT))
    found = _OF_DEVELOPERS.findall(page.read_text())

    assert found == [] or name in FOR_DEVELOPERS or page.parent.name == "adr"


def test_pages_contain_manifests() -> None:
    assert len(manifests()) > 15


@pytest.mark.parametrize("block", manifests(), ids=str)
def test_every_documented_manifest_loads(block: Block, tmp_path: Path) -> None:
    document = yaml.safe_load(block.text)
    for name in _FILE.findall(block.text):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        certified = f"certificates: {name}" in block.text
        pem = new_root(ec.SECP256R1()).pem if certified else SigningKey.new().pem()
        (tmp_path / name).write_bytes(pem)
    whole = {"apiVersion": "floe.dev/v1", "kind": "Manifest"} | document
    whole.setdefault("artifacts", {"registry": {"uri": "oci-layout:./registry"}})
    (tmp_path / "manifest.yaml").write_text(yaml.safe_dump(whole))
    named = re.findall(r"\$\{([A-Z_]+)\}|_env: ([A-Z_]+)", block.text)

    # One value fits every setting: a name, a token, an address.
    load_config(tmp_path / "manifest.yaml", {a or b: "https://a.example" for a, b in named})


def test_every_exception_appears_in_a_page_and_exists() -> None:
    left = [each for block in shell_blocks() for each in commands_of(block) if exception_for(each)]

    assert {exception_for(each) for each in left} == {*EXCEPTIONS}
    for words in (shlex.split(each.line) for each in left):
        targets = [word for word in words[1:] if "=" not in word] if words[0] == "make" else []
        assert all(re.search(f"^{target}:", MAKEFILE, re.MULTILINE) for target in targets)


@pytest.mark.parametrize("words", inline_commands(), ids=" ".join)
def test_every_inline_command_exists_with_its_options(words: list[str]) -> None:
    try:
        parse_command_line(floe, words[1:])
    except click.exceptions.NoArgsIsHelpError:
        assert words[1:] in ([], ["platform"], ["audit"], ["platform", "audit"])
    except click.UsageError as error:
        # A sentence names a command without its arguments.
        assert error.format_message().startswith("Missing")


def test_every_transcript_is_part_of_the_tour() -> None:
    [tour] = [typed_lines(block) for block in transcripts() if block.page.name == "tour.md"]

    assert "make demo" in tour
    for block in transcripts():
        assert [line for line in typed_lines(block) if line not in tour] == [], block


# Blocks other than commands, manifests and transcripts, and their tests.
OTHERS = {
    ("CONTRIBUTING.md", "diff"): "tests/docs/test_contributing.py applies them to a copy",
    ("CONTRIBUTING.md", "python"): "tests/docs/test_contributing.py applies them to a copy",
    ("docs/admission.md", "rego"): "tests/statements/test_current_cosign.py gives it to cosign",
    ("docs/admission.md", "shell"): "tests/docs/test_admission.py runs them",
    ("docs/admission.md", "yaml"): "tests/docs/test_admission.py reads the policies",
    ("docs/architecture.md", "mermaid"): "tests/docs/test_reference.py compares it with the code",
    ("docs/audit.md", "toml"): "test_documented_entry_point_groups_are_those_that_floe_reads",
    ("docs/ci.md", "text"): "tests/install/test_release.py runs them",
    ("docs/ci.md", "yaml"): "tests/docs/test_recipes.py and tests/install/test_ci_jobs.py run them",
    ("docs/hand-off.md", "json"): "tests/docs/test_hand_off.py compares it with the server",
    ("docs/hand-off.md", "yaml"): "tests/docs/test_hand_off.py sends the requests",
    ("docs/in-slack.md", "text"): "tests/docs/test_slack_commands.py sends them to the bot",
    ("docs/install.md", "ini"): "tests/docs/test_commands.py starts the service",
    ("docs/install.md", "text"): "tests/docs/test_immutable_tags.py applies the patterns",
    ("docs/products.md", "text"): "tests/docs/test_products.py compares it with the check",
    ("docs/products.md", "yaml"): "tests/docs/test_products.py loads the files",
    ("docs/plug-ins.md", "python"): "tests/docs/test_plugins_page.py installs the package",
    ("docs/plug-ins.md", "toml"): "tests/docs/test_plugins_page.py installs the package",
    ("docs/python.md", "python"): "tests/docs/test_python_page.py runs them",
    ("docs/reference/api.md", "python"): "tests/docs/test_reference.py compares them with the code",
    ("docs/reference/cli.md", ""): "tests/docs/test_reference.py compares them with --help",
    ("docs/release-process.md", "text"): "tests/scenarios/test_delta.py has these lines",
    ("docs/release-process.md", "yaml"): "tests/config/test_config_windows.py loads the windows",
    ("docs/runbooks/lost-key.md", "yaml"): "tests/docs/test_runbooks.py edits the manifest with it",
    ("docs/runbooks/rotate-keys.md", "yaml"): "tests/docs/test_runbooks.py follows the page",
    ("docs/web.md", "nginx"): "test_documented_proxy_sets_the_headers_that_floe_reads",
    ("docs/web.md", "yaml"): "tests/web/test_registry_events.py gives it to a registry",
    ("docs/webhooks.md", "python"): "tests/docs/test_commands.py receives a webhook with it",
}


def test_every_block_of_a_page_has_a_test() -> None:
    assert [block for block in shell_blocks() if not commands_of(block)] == []
    known = [*shell_blocks(), *manifests(), *transcripts()]

    others = {(str(b.page.relative_to(ROOT)), b.kind) for b in blocks() if b not in known}

    assert others == {*OTHERS}
    for file in re.findall(r"tests/[\w/]+\.py", str([*OTHERS.values(), *EXCEPTIONS.values()])):
        assert (ROOT / file).exists(), file
    for page in PAGES:
        fences = re.findall(r"^\s*```", page.read_text(), re.MULTILINE)
        assert len(fences) == 2 * len([b for b in blocks() if b.page == page]), page


def test_documented_entry_point_groups_are_those_that_floe_reads() -> None:
    projects = [tomllib.loads(block.text)["project"] for block in blocks("toml")]

    groups = [{*project["entry-points"]} for project in projects]

    assert groups == [{ENTRY_POINTS}, {ENTRY_POINTS, GATES, NOTIFIERS, POLICY_ENFORCERS}]


def test_documented_proxy_sets_the_headers_that_floe_reads() -> None:
    [block] = blocks("nginx")
    [auth] = [
        yaml.safe_load(b.text)["web"]["auth"] for b in blocks("yaml") if "mode: proxy" in b.text
    ]
    page, api = block.text.split("location /api/v1/ {")

    for header in (auth["operator_header"], auth["groups_header"]):
        assert re.search(rf"proxy_set_header {header} \$\w+;", page)
        # nginx removes a header with an empty value.
        assert f'proxy_set_header {header} "";' in api


def parse_command_line(command: click.Command, words: list[str]) -> None:
    """Parse `words` as the command line of `command`, without running it."""
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        below = command.get_command(click.Context(command), words[0])
        assert below is not None, f"there is no such command: {words}"
        command, words = below, words[1:]
    # --help and --version end the program.
    with suppress(click.exceptions.Exit):
        command.make_context("floe", [*words])


def _slug(title: str) -> str:
    """Return the anchor of a heading, as code forges generate it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
