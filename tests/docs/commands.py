"""The commands in the documentation, and the exit code each must have."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages import PAGES, Block, blocks

# Commands that no test runs, by their first words, with the reason.
EXCEPTIONS = {
    "make demo": "tests/demo/test_run.py runs the program that it starts",
    "make dev": "it changes the settings of git in the checkout",
    "make check": "it needs the whole checkout; CI runs it",
    "make test": "runs the tests",
    "make test-peers": "runs the tests",
    "make serve-demo": "tests/demo/test_serve.py runs the program that it starts",
    "make demo-slack": "tests/demo/test_slack.py runs the program that it starts",
    "make demo-replicas": "tests/demo/test_replicas.py runs the program that it starts",
    "make dist": "tests/install/test_release.py runs it",
    "make bench": "it measures for minutes",
    ".venv/bin/python -m demo.issuer": "tests/demo/test_issuer.py types these commands",
    "mkdir ~/try": "tests/demo/test_issuer.py types these commands",
    "export OIDC_CLIENT_SECRET=none": "tests/demo/test_issuer.py types these commands",
    "floe init --registry oci-layout": "tests/demo/test_issuer.py types these commands",
    "floe promote v0.0.1": "tests/demo/test_issuer.py types these commands",
    "tar -c manifest.yaml": "tests/demo/test_issuer.py types these commands",
    ".venv/bin/python -m": "tests/docs/test_contributing.py runs it in a copy",
    "git clone https://git.example.com/acme/floe": "the address is an example",
    "pip install .": "it needs the network; the tests run on an installation made by pip",
    "pipx install .": "it needs the network; the tests run on an installation made by pip",
    "mkdir shop && cd shop && floe init": "it asks; tests/e2e/test_first_hour.py answers",
    "pip install '.[postgres]'": "it needs the network; the packages for development include it",
    "pip install '.[otlp]'": "it needs the network; the packages for development include it",
    "docker compose up --build": "it needs Docker; tests/install/test_compose.py reads its files",
    "docker compose -f": "it needs Docker; tests/install/test_compose.py reads its files",
    "docker build": "it needs Docker; tests/install/test_image.py builds the image without it",
    "docker push": "it needs Docker, and the address is an example",
    "kubectl": "it needs a cluster; tests/install/test_chart.py reads the names",
    "helm upgrade": "it needs a cluster; tests/install/test_chart.py renders the same documents",
    "cosign sign --key cosign.key harbor": "it writes into the public log of sigstore",
    "floe doctor": "its answer depends on keys that other pages make; tests/doctor runs it",
    "floe platform audit acknowledge": "tests/scenarios/test_acknowledge.py runs it on a void",
    "curl -fsS -H": "the address is an example; tests/docs/test_hand_off.py asks the same",
    "aws ecr": "it needs an account; tests/docs/test_immutable_tags.py applies its filters",
}
# Only these programs run, so a new command of a page cannot change the reader's machine.
_RUN = re.compile(
    r"(floe|skopeo|oras|cosign|cp|jq|echo|eval|export|exit|docker compose exec floe|"
    r"systemctl|mkdir|mv|pg_dump|pg_restore|createdb) |code="
)
_INLINE = re.compile(r"`(floe(?: [^`]+)?)`")
_BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_TYPED = re.compile(r"^\S*\$ (?P<command>.*)$", re.MULTILINE)
_COMMENT = re.compile(r"\s+# .*")
_CLAIM = re.compile(r"# exit (\d+)\b")


@dataclass(frozen=True)
class Command:
    """A line of a block, without prompt and comment; `code` is the exit code on the page."""

    page: Path
    line: str
    code: int


def commands_of(block: Block) -> list[Command]:
    """Yield the typed lines of `block`; a line that ends with a backslash continues."""
    lines = block.text.replace("\\\n", " ").splitlines()
    if block.kind == "console":
        lines = typed_lines(block)
    found = []
    for line in lines:
        claim = _CLAIM.search(line)
        written = _COMMENT.sub("", line).strip()
        if written and not written.startswith("#"):
            found.append(Command(block.page, written, int(claim[1]) if claim else 0))
    return found


def exception_for(command: Command) -> str | None:
    """Return the entry of EXCEPTIONS for `command`."""
    found = [words for words in EXCEPTIONS if command.line.startswith(words)]
    return max(found, key=len, default=None)


def runnable(block: Block) -> list[Command]:
    """Return the commands of `block` that are no exceptions."""
    found = [each for each in commands_of(block) if exception_for(each) is None]
    for each in found:
        assert _RUN.match(each.line), f"{block}: list {each.line!r} in EXCEPTIONS or _RUN"
    return found


def printed_lines(block: Block) -> list[str]:
    """Return the lines of a console block that its commands print."""
    return [line for line in block.text.splitlines() if line and not _TYPED.match(line)]


def typed_lines(block: Block) -> list[str]:
    """Return the lines of `block` that follow a prompt."""
    return [found["command"] for found in _TYPED.finditer(block.text)]


def shell_blocks() -> list[Block]:
    """Return the blocks of commands; transcripts, marked as text, have prompts and answers."""
    return blocks("sh", "console", "bash")


def transcripts() -> list[Block]:
    return [block for block in blocks("text") if typed_lines(block)]


def inline_commands() -> list[list[str]]:
    """Return the words of inline `floe` commands; … and capitals stand for values."""
    text = "\n".join(_BLOCK.sub("", page.read_text()) for page in PAGES)
    found = sorted(set(_INLINE.findall(text)))
    return [shlex.split(re.sub("…|\\b[A-Z]{2,}\\b", "v1.2.3", line)) for line in found]
