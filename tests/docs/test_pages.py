"""What the documentation says is so: commands run, manifests load, links lead somewhere."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from cli.main import floe
from demo.seed import VERSIONS, Layout
from engine.config import load_config
from tests.docs.pages import PAGES, ROOT, Block, blocks, links

MAKEFILE = (ROOT / "Makefile").read_text()
# Files a manifest of a page refers to.
_FILE = re.compile(r"[\w/]+\.(?:pub|pem|json)\b")
_ANCHOR = re.compile(r"^#+ (.*)$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in links(page):
        place, _, anchor = target.partition("#")
        if re.match(r"https?:|mailto:", place):
            continue
        found = (page.parent / place).resolve() if place else page
        assert found.exists(), target
        if anchor and found.suffix == ".md":
            assert anchor in {_slug(title) for title in _ANCHOR.findall(found.read_text())}, target


def manifests() -> list[Block]:
    """Of the YAML in the pages what floe reads."""
    read = {"artifacts", "identity", "web", "slack", "state"}
    documents = [(block, yaml.safe_load(block.text)) for block in blocks("yaml")]
    return [b for b, document in documents if isinstance(document, dict) and read & {*document}]


def test_the_pages_have_manifests_to_try() -> None:
    assert len(manifests()) > 15


@pytest.mark.parametrize("block", manifests(), ids=str)
def test_every_manifest_of_a_page_can_be_used(block: Block, tmp_path: Path) -> None:
    document = yaml.safe_load(block.text)
    for name in _FILE.findall(block.text):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("something")
    whole = {"apiVersion": "floe.dev/v1", "kind": "Manifest"} | document
    whole.setdefault("artifacts", {"registry": {"uri": "oci-layout:./registry"}})
    (tmp_path / "manifest.yaml").write_text(yaml.safe_dump(whole))
    named = re.findall(r"\$\{([A-Z_]+)\}|_env: ([A-Z_]+)", block.text)

    # One value fits whatever is asked for: a name, a token, an address.
    load_config(tmp_path / "manifest.yaml", {a or b: "https://a.example" for a, b in named})


@pytest.mark.parametrize("block", blocks("sh", "console", "bash"), ids=str)
def test_every_command_of_a_page_exists_with_its_options(block: Block) -> None:
    for words in _commands(block):
        if words[0] == "floe":
            understood(floe, words[1:])
        if words[0] == "make":
            targets = [word for word in words[1:] if "=" not in word and word != "help"]
            assert all(re.search(f"^{target}:", MAKEFILE, re.MULTILINE) for target in targets)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "page", sorted({block.page for block in blocks("console")}), ids=lambda page: page.name
)
def test_commands_of_a_page_run_one_after_the_other(page: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "manifest.yaml", tmp_path)
    layout = Layout(tmp_path / "registry")
    layout.publish("v1.2.3", VERSIONS["v1.2.3"])
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    for block in blocks("console"):
        for words in _commands(block) if block.page == page else ():
            if words[0] == "make":
                continue
            ran = subprocess.run(
                words,
                cwd=tmp_path,
                env={"PATH": path, "HOME": str(tmp_path)},
                capture_output=True,
                text=True,
            )
            assert ran.returncode == 0, f"{block}: {shlex.join(words)}\n{ran.stdout}{ran.stderr}"


def _commands(block: Block) -> list[list[str]]:
    """The lines of `block` that are typed, without comments and prompts."""
    lines = block.text.replace("\\\n", " ").splitlines()
    if block.kind == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    simple = [line for line in lines if "$(" not in line and "<<" not in line]
    return [words for line in simple if (words := shlex.split(line, comments=True))]


def understood(command: click.Command, words: list[str]) -> None:
    """As far as the command line itself goes: nothing is run."""
    words = words[
        : next((i for i, word in enumerate(words) if word in ("|", "&&", ">", ";")), None)
    ]
    while isinstance(command, click.Group):
        below = command.get_command(click.Context(command), words[0]) if words else None
        if below is None and command.invoke_without_command:
            break
        if below is None:
            assert words[:1] in (["--help"], ["--version"]), f"there is no such command: {words}"
            return
        command, words = below, words[1:]
    command.make_context("floe", [*words], resilient_parsing=False)


def _slug(title: str) -> str:
    """The anchor of a heading, as forges make it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
