"""`floe platform diff` on a real registry, alone and through a server: the same differences."""

from pathlib import Path

import jsonschema
import pytest

from docs.reference.outputs import outputs_schema
from tests.cli.serving import serving
from tests.scenarios.stories import Story
from tests.scenarios.test_delta import SOURCE, bom, build, configure, promote, scan

pytestmark = pytest.mark.timeout(300)
COMPARE = "floe platform diff v1.0.0 v1.1.0"


@pytest.fixture
def story(tmp_path: Path, registry_host: str, repository: str) -> Story:
    """v1.0.0 and v1.1.0 were in staging one after the other; v1.2.0 was only published."""
    made = Story(tmp_path, registry_host, repository)
    configure(made, scan(made))
    build(made, "v1.0.0", "a" * 40, 1, bom(openssl="3.0.1", zlib="1.3"))
    build(made, "v1.1.0", "b" * 40, 2, bom(openssl="3.0.2", curl="8.1"))
    made.publish("v1.2.0")
    promote(made, "v1.0.0", CVE_1="LOW")
    promote(made, "v1.1.0", CVE_2="LOW", CVE_3="MEDIUM")
    return made


def test_differences_are_shown_in_tables(story: Story) -> None:
    shown = story.type(COMPARE)

    assert (shown.code, shown.err) == (0, "")
    lines = [line.split() for line in shown.out.splitlines()]
    for expected in (
        "VERSION v1.0.0 v1.1.0",
        "RUNS IN - staging",
        "SIZE 1 B 2 B",
        f"COMMIT {'a' * 12} {'b' * 12}",
        "Vulnerabilities: 2 new, 1 fixed, 0 unchanged",
        "CVE-3 new medium bash 5 -",
        "CVE-1 fixed low bash 5 -",
        "Packages by unsigned SBOMs: 1 added, 1 removed, 1 with another version",
        "curl - 8.1",
        "openssl 3.0.1 3.0.2",
        "zlib 1.3 -",
        f"Commits: {SOURCE}/compare/{'a' * 40}...{'b' * 40}",
        "Content: 0 layers unchanged",
        f"annotation org.opencontainers.image.revision altered {'a' * 40} {'b' * 40}",
    ):
        assert expected.split() in lines, shown.out


def test_short_form_names_missing_scans_and_packages(story: Story) -> None:
    shown = story.type("floe diff v1.1.0 v1.2.0")
    same = story.type("floe diff v1.1.0 v1.1.0 -o json").document

    assert shown.code == 0
    assert "Not known: no scan is kept for v1.2.0\n" in shown.out
    assert "Not known: no SBOM is attached to v1.2.0\n" in shown.out
    assert (same["identical"], same["delta"], same["content"]) == (True, None, None)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("v1.0.0 latest", 2, "'latest' is not a version: it is a tag that moves"),
        ("v1.0.0 v9.9.9", 3, "There is no v9.9.9 under its own tag or in any environment"),
        ("v1.0.0", 2, "Missing argument 'TO'"),
    ],
)
def test_versions_that_cannot_be_compared_are_refused(
    story: Story, arguments: str, code: int, said: str
) -> None:
    refused = story.type(f"floe platform diff {arguments}")
    document = story.type(f"floe platform diff {arguments} --output json").document

    assert refused.code == code
    assert said in refused.err
    assert (document["success"], document["error"]["exit_code"]) == (False, code)


def test_server_answers_the_same(story: Story, tmp_path: Path) -> None:
    commands = (COMPARE, f"{COMPARE} -o json", "floe diff v1.1.0 v9.9.9")
    alone = [story.type(each) for each in commands]
    with serving(story.folder) as server:
        client = server.client(tmp_path / "client")
        through = [client.run(*each.split()[1:]) for each in commands]
        page = client.run(*COMPARE.split()[1:], "--web").out

    assert through[0] == alone[0]
    documents = [each[1].document for each in (alone, through)]
    for document in documents:
        jsonschema.validate(document, {**outputs_schema(), "$ref": "#/$defs/diff"})
        del document["trace_id"]
    assert documents[0] == documents[1]
    assert documents[0]["after"]["environments"] == ["staging"]
    assert documents[0]["delta"]["vulnerabilities"]["new_count"] == 2
    assert [each["change"] for each in documents[0]["content"]["layers"]] == ["altered"]
    assert [each[2].code for each in (alone, through)] == [3, 3]
    assert page == f"{server.url}/diff/v1.0.0..v1.1.0\n"
