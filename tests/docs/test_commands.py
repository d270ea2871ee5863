"""Every documented command runs and ends as its page says."""

import configparser
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from tests.cli.serving import serving
from tests.docs.commands import Command, runnable, shell_blocks
from tests.docs.pages import ROOT, RUNBOOKS, blocks
from tests.docs.products import build_products
from tests.docs.stage import (
    SECRET,
    Stage,
    build_first,
    build_mirrored,
    build_remote,
    build_unapproved,
    build_waiting,
    platform_stage,
)

pytestmark = pytest.mark.timeout(300)
# The platform state that the commands of a page need.
STATES: dict[str, Callable[[Stage], None]] = {
    "docs/install.md": build_first,
    "docs/audit.md": build_remote,
    "docs/ci.md": build_unapproved,
    "docs/products.md": build_products,
    "docs/secondaries.md": build_mirrored,
    "docs/set-up.md": build_first,
    "docs/signatures.md": build_remote,
}
# Expected parts of the output, besides the exit codes.
OUTPUT = {
    "README.md": ("Promoted v1.2.3", "Approved by: bob@acme.com", "Rolled back prod to v1.2.2"),
    "docs/audit.md": (
        "moved outside floe; should be v1.2.3",
        "PROBLEM moved: latest-prod points to sha256:",
    ),
    "docs/ci.md": ("Promoted v1.2.3 from dev to staging", "\nv1.2.2\n", "\npromoted\n"),
    "docs/gates.md": ("tested\n",),
    "docs/install.md": ("Promoted v1.2.3 from staging to prod",),
    "docs/products.md": (
        "floe.yaml is valid: 2 products",
        "registry:  # floe.yaml:5",
        "Promoted v1.2.3 from dev to staging",
    ),
    "docs/set-up.md": ("Promoted v1.2.3 from staging to prod",),
    "docs/signatures.md": ("Signature verified",),
    "docs/webhooks.md": ("whsec_",),
}
# The answers to an auditor, who has only cosign and the public key.
OF_COSIGN = {"audit.md": ('"operator": "alice@acme.com"', '"operator": "bob@acme.com"')}
AFTERWARDS: dict[str, Callable[[Stage], object]] = {
    "docs/telemetry.md": lambda stage: stage.collector.seen("POST", "^/v1/traces$"),
    "docs/signatures.md": lambda stage: (stage.folder / "downloaded/manifest.json").exists(),
}
SIGNATURES = ROOT / "docs" / "signatures.md"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, registry_host: str) -> Iterator[Stage]:
    # Under this name, cosign and oras use plain http.
    host = registry_host.replace("127.0.0.1", "localhost")
    folder = tmp_path_factory.mktemp("stage")
    with platform_stage(folder, f"{host}/{folder.parent.name}") as built:
        yield built


@pytest.mark.parametrize(
    "page",
    sorted({block.page for block in shell_blocks()}.difference(RUNBOOKS)),
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_documented_commands_end_as_the_page_says(page: Path, stage: Stage) -> None:
    name = str(page.relative_to(ROOT))
    stage.at(STATES.get(name, build_waiting))
    output = ""
    with ExitStack() as stack:
        if "FLOE_SERVER=" in page.read_text():
            stage.server = stack.enter_context(serving(stage.folder)).url
        for block in shell_blocks():
            if block.page == page:
                ran = stage.run(each for each in runnable(block) if not _of_cosign(each))
                assert ran.code == 0, f"{block}\n{ran.out}"
                output += ran.out

    assert "Traceback" not in output
    assert name not in AFTERWARDS or AFTERWARDS[name](stage), output
    assert [part for part in OUTPUT.get(name, ()) if part not in output] == [], output


@pytest.mark.peers
@pytest.mark.parametrize(
    "page",
    sorted({block.page for block in shell_blocks() if "cosign" in block.text}),
    ids=lambda page: page.name,
)
def test_documented_cosign_commands_end_as_the_page_says(page: Path, stage: Stage) -> None:
    stage.at(build_remote)
    output = ""

    for block in shell_blocks():
        if block.page == page and "cosign" in block.text:
            ran = stage.run(runnable(block))
            assert ran.code == 0, f"{block}\n{ran.out}"
            output += ran.out

    assert [each for each in OF_COSIGN.get(page.name, ()) if each not in output] == [], output


def test_unsigned_version_is_refused_and_not_pulled(stage: Stage) -> None:
    stage.at(build_waiting)
    unsigned = [
        Command(each.page, each.line.replace("v1.2.3", "v1.2.4").replace(" --env prod", ""), 6)
        for each in commands("docs/signatures.md", "floe artifact pull")
    ]

    ran = stage.run(unsigned)

    assert ran.code == 0, ran.out
    assert "Artifact is unsigned" in ran.out
    assert not (stage.folder / "downloaded").exists()


@pytest.mark.peers
def test_documented_key_verifies_a_cosign_signature(stage: Stage) -> None:
    verify = "floe artifact verify v1.2.3"
    [created, *_] = commands("docs/signatures.md", "cosign generate-key-pair")
    stage.at(build_remote)

    refused = stage.run(
        [
            created,
            Command(SIGNATURES, "cp cosign.pub keys/release.pub", 0),
            Command(SIGNATURES, verify, 6),
        ]
    )
    signed = stage.run(
        [*commands("docs/signatures.md", "signing-config create"), Command(SIGNATURES, verify, 0)]
    )

    assert refused.code == 0, refused.out
    assert signed.code == 0, signed.out


def test_documented_receiver_accepts_a_webhook_and_refuses_an_altered_one(stage: Stage) -> None:
    [snippet] = [b for b in blocks("python") if b.page == ROOT / "docs" / "webhooks.md"]
    stage.at(build_waiting)
    ran = stage.run(commands("docs/webhooks.md", "--redeliver"))
    request = stage.hook.seen("POST", "/deployed")[-1]

    names = {"secret": SECRET, "body": request.body, "headers": dict(request.headers)}
    exec(snippet.text, names)
    altered = names | {"body": request.body.replace(b"v1.2.2", b"v1.2.3")}

    assert ran.code == 0, ran.out
    assert names["event"] == json.loads(request.body)
    with pytest.raises(WebhookVerificationError):
        exec(snippet.text, altered)


def test_documented_systemd_service_starts_and_stops_in_time(stage: Stage) -> None:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # the names of systemd
    [block] = blocks("ini")
    unit.read_string(block.text)
    stage.at(build_waiting)

    ran = stage.run([Command(block.page, unit["Service"]["ExecStart"], 0)])

    assert ran.code == 0, ran.out
    assert "Serving http://127.0.0.1:" in ran.out


def commands(page: str, holding: str) -> list[Command]:
    """Return the runnable commands of the block of `page` that contains `holding`."""
    [block] = [b for b in shell_blocks() if b.page == ROOT / page and holding in b.text]
    return runnable(block)


def _of_cosign(command: Command) -> bool:
    """Return whether only `make test-peers`, which builds cosign, can run the command."""
    return command.line.startswith("cosign ") or "record.json" in command.line
