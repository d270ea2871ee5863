"""Any command line in any environment gets an answer and its documented exit code."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import image
from tests.fuzz import commands
from tests.peers import oci_layout

MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "%s"}
  promotion: {environments: [{name: dev}, {name: staging}, {name: prod, approvals: {required: 1}}]}
identity: {trust_os_user: true}
"""
# Undecodable bytes (\udcff), control sequences, bidi overrides, long text, and options.
HOSTILE = [
    "",
    " ",
    "\udcff",
    "\x1b[2J",
    "\u202edorp",
    "\n",
    "é→😀",
    "--",
    "-x",
    "..",
    "x" * 100_000,
]
VERSIONS = ["v1.0.0", "v2.0.0", "v9.9.9", "latest", "v1.0.0-dev", "v1.0.0+b", "٣.٣.٣", *HOSTILE]
PLACES = ["dev", "staging", "prod", "nowhere", "none", "PROD", "prod ", *HOSTILE]
TIMES = ["30m", "0", "-1m", "9" * 9 + "d", "1.5h", "٣m", "9" * 5000 + "s", *HOSTILE]
REASONS = ["because", "x" * 2001, "<!channel>", "\ufeff", *HOSTILE]
NUMBERS = ["1", "0", "-1", "1001", "9" * 20, "1.5", "٣", *HOSTILE]
SINCE = ["7d", "9" * 14 + "d", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00+23:59", *HOSTILE]
IDS = ["c-00000001", "c-", "../x", "%00", "all", *HOSTILE]
DIGESTS = ["abcd", "sha256:ab", "sha256:" + "0" * 64, "zzzz", *HOSTILE]
# Words of a command, its arguments, and its options with their values; None is a flag.
SHAPES: list[tuple[tuple[str, ...], list[list[str]], dict[str, list[str] | None]]] = [
    (
        ("platform", "promote"),
        [VERSIONS],
        {"--to": PLACES, "--from": PLACES, "--wait": TIMES[1:], "--dry-run": None},
    ),
    (
        ("platform", "rollback"),
        [VERSIONS],
        {"--env": PLACES, "--reason": REASONS, "--dry-run": None},
    ),
    (("platform", "lock"), [], {"--env": PLACES, "--reason": REASONS, "--for": TIMES}),
    (("platform", "unlock"), [], {"--env": PLACES, "--reason": REASONS}),
    (("platform", "approve"), [IDS], {}),
    (("platform", "reject"), [IDS], {"--reason": REASONS}),
    (("platform", "cancel"), [IDS], {}),
    (("platform", "changes"), [], {"--limit": NUMBERS, "--all": None}),
    (("platform", "status"), [], {"--env": PLACES, "--history": NUMBERS}),
    (("platform", "sync"), [], {"--env": PLACES}),
    (("platform", "webhooks"), [], {"--redeliver": IDS}),
    (("platform", "audit", "verify"), [], {"--env": PLACES, "--policy": ["current", "x"]}),
    (
        ("platform", "audit", "history"),
        [],
        {"--version": VERSIONS, "--digest": DIGESTS, "--operator": REASONS, "--since": SINCE}
        | {"--limit": NUMBERS, "--kind": ["lock", "x"]},
    ),
    (("artifact", "verify"), [VERSIONS], {"--env": PLACES}),
    (("artifact", "pull"), [VERSIONS], {"--to": ["", "\udcff", "x" * 300, "manifest.yaml"]}),
    (("serve",), [], {"--port": ["-1", "65536", "", "\udcff"]}),
]
AROUND = [
    {},
    {"TRACEPARENT": "\udcff"},
    {"FLOE_MANIFEST": "\udcff"},
    {"FLOE_LOG": "\udcff"},
    {"FLOE_ID_TOKEN": "\udcff"},
    {"FLOE_ID_TOKEN": "x" * 100_000},
    {"FLOE_SERVER": "\udcff"},
    {"FLOE_SERVER": "http://[::1"},
    {"FLOE_SERVER": "http://127.0.0.1:99999"},
    {"FLOE_SERVER": "x" * 100_000},
    {"OTEL_TRACES_EXPORTER": "\udcff"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "\udcff"},
    {"HOME": "\udcff"},
    {"COLUMNS": "x"},
]
# The documented exit codes without 1, which is an internal error; a failed verification is one.
MEANT = {0, 2, 3, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15}


@st.composite
def lines(draw: st.DrawFn, shape: int) -> list[str]:
    """Draw a command that has most of its options, each with one of its values."""
    words, arguments, options = SHAPES[shape]
    line = [*words, *(draw(st.sampled_from(choice)) for choice in arguments)]
    for option, choices in options.items():
        if draw(st.integers(0, 3)):
            line.append(option)
            line += [draw(st.sampled_from(choices))] if choices is not None else []
    return line


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A platform with v1.0.0 and v2.0.0 in dev, on which the tester has every right."""
    place = tmp_path_factory.mktemp("typed")
    (place / "manifest.yaml").write_text(MANIFEST % "oci-layout:./registry")
    for version in ("v1.0.0", "v2.0.0"):
        oci_layout.write(place / "registry", image(version.encode()), f"{version}-dev")
    return place


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), around=st.sampled_from(AROUND), output=st.sampled_from(["table", "json"]))
@pytest.mark.parametrize("shape", range(len(SHAPES)), ids=[" ".join(s[0]) for s in SHAPES])
def test_any_command_line_gets_a_clear_answer(
    folder: Path, shape: int, data: st.DataObject, around: dict[str, str], output: str
) -> None:
    served = SHAPES[shape][0] == ("serve",)
    line = data.draw(lines(shape))
    if served and "--port" not in line:
        line += ["--port", "x"]
    if not served:
        # Insert before `--`, which ends the options.
        line[len(SHAPES[shape][0]) : len(SHAPES[shape][0])] = ["--output", output]
    index = folder / "registry/index.json"
    before = index.read_bytes()

    done = commands.run_floe(folder, *line, **around)

    assert done.code in MEANT, done
    assert done.code != 2 or index.read_bytes() == before
    commands.assert_fit_to_show(done)
    if output == "json" and not served:
        document = done.document
        failed = isinstance(document, dict) and document.get("error")
        assert not failed or failed["exit_code"] == done.code


@pytest.mark.parametrize(
    "around",
    [
        {"ALL_PROXY": "gopher://secret@x"},
        {"HTTPS_PROXY": "\udcff://secret@x"},
        {"NO_PROXY": "[::", "https_proxy": "http://secret@x"},
    ],
)
@pytest.mark.parametrize("server", [{}, {"FLOE_SERVER": "https://127.0.0.1:1"}])
def test_unusable_proxies_are_named_without_their_values(
    tmp_path: Path, around: dict[str, str], server: dict[str, str]
) -> None:
    (tmp_path / "manifest.yaml").write_text(
        (MANIFEST % "oci://127.0.0.1:1/acme/platform").partition("identity")[0]
    )

    done = commands.run_floe(tmp_path, "platform", "status", "--output", "json", **around, **server)

    error = json.loads(done.out)["error"]
    assert (done.code, error["reason_code"]) == (2, "configuration")
    assert all(name in error["message"] for name in around)
    assert "secret" not in done.out + done.err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (("platform", "approve", "\udcff"), "is not valid UTF-8: type it again as text"),
        (("platform", "webhooks", "--redeliver", "\udcff"), "is not valid UTF-8"),
        (("platform", "audit", "history", "--operator", "\udcff"), "is not valid UTF-8"),
        (("platform", "audit", "history", "--limit", "9" * 20), "is not in the range"),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, tuple) else "",
)
def test_unusable_input_is_a_usage_error(folder: Path, line: tuple[str, ...], said: str) -> None:
    done = commands.run_floe(folder, *line)

    assert done.code == 2
    assert said in done.err
