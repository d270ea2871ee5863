"""`floe platform audit` for people and scripts."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from demo.seed import seed
from engine.adapters.registry.layout.registry import LayoutRegistry
from tests.conftest import Place
from tests.scenarios.commands import Finished, Floe
from tests.scenarios.tampering import Hand

PLATFORM = """
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "%s", timeout_seconds: 2}
  promotion:
    environments: [{name: dev}, {name: staging}, {name: prod}]
identity: {trust_os_user: true}
"""


def floe(folder: Path, *arguments: str) -> Finished:
    return Floe(folder, {"HOME": str(folder)}).run("platform", *arguments)


def as_json(done: Finished) -> Any:
    return done.document


@pytest.fixture(scope="module")
def used_platform(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A platform with two promotions to staging and one to prod."""
    folder = tmp_path_factory.mktemp("lived")
    (folder / "manifest.yaml").write_text(PLATFORM % "oci-layout:./registry")
    seed(folder / "registry")
    for version, target in (("v1.2.2", "staging"), ("v1.2.3", "staging"), ("v1.2.3", "prod")):
        assert floe(folder, "promote", version, "--to", target).code == 0
    return folder


@pytest.fixture
def platform(used_platform: Path, tmp_path: Path) -> Path:
    """A private copy of `lived`."""
    return shutil.copytree(used_platform, tmp_path / "platform")


def hand(platform: Path) -> Hand:
    return Hand(Place(LayoutRegistry(platform / "registry"), lambda artifact, tag: None))


@pytest.mark.requirement("FR-026")
def test_sound_ledgers_are_reported(used_platform: Path) -> None:
    done = floe(used_platform, "audit", "verify")

    head = hand(used_platform).manifest("floe-head.staging").digest
    assert (done.code, done.err) == (0, "")
    assert "The ledger of dev is sound: nothing was recorded yet" in done.out
    assert f"The ledger of staging is sound: 2 records, head {head}" in done.out
    assert done.out.splitlines()[-1].startswith("The ledger of prod is sound: 1 record, head")


@pytest.mark.requirement("FR-026")
def test_problems_are_listed_with_hints_and_exit_1(platform: Path) -> None:
    hand(platform).point("latest-prod", at="v1.2.2-staging")
    hand(platform).point("v1.2.2-prod", at="v1.2.2-staging")

    done = floe(platform, "audit", "verify", "--env", "prod")

    assert done.code == 1
    lines = done.out.splitlines()
    assert lines[0].startswith("PROBLEM unrecorded: v1.2.2-prod has no record")
    assert lines[1].startswith("PROBLEM moved: latest-prod points to sha256:")
    assert lines[-1].startswith("The ledger of prod is not sound: 2 problems, 1 record proven")


@pytest.mark.requirement("FR-026")
def test_json_output_is_one_document_with_every_finding(platform: Path) -> None:
    hand(platform).point("latest-prod", at="v1.2.2-staging")

    done = floe(platform, "audit", "verify", "--output", "json")

    document = as_json(done)
    assert done.code == 1
    assert document["success"] is False
    assert document["error"] is None
    assert len(document["trace_id"]) == 32
    dev, staging, prod = document["environments"]
    assert dev == {"environment": "dev", "entries": 0, "head": None, "problems": [], "notes": []}
    assert (staging["entries"], staging["problems"]) == (2, [])
    problem = prod["problems"][0]
    assert problem.pop("message").startswith("latest-prod points to ")
    assert problem == {
        "kind": "moved",
        "environment": "prod",
        "sequence": None,
        "tag": "latest-prod",
    }


def test_records_under_another_configuration_are_notes_by_default(platform: Path) -> None:
    manifest = platform / "manifest.yaml"
    manifest.write_text(manifest.read_text().replace("name: prod", "name: prod, authorization: {}"))

    lenient = floe(platform, "audit", "verify", "--output", "json")
    strict = floe(platform, "audit", "verify", "--policy", "current", "--output", "json")

    notes = as_json(lenient)["environments"][1]["notes"]
    assert (lenient.code, [note["kind"] for note in notes]) == (0, ["policy"])
    assert strict.code == 1
    assert as_json(strict)["environments"][1]["problems"] == notes


def test_shortened_ledger_is_found_by_the_next_audit(platform: Path) -> None:
    first = floe(platform, "audit", "verify")
    hand(platform).cut_off(2)

    second = floe(platform, "audit", "verify", "--env", "staging", "--output", "json")

    assert first.code == 0
    assert second.code == 1
    kinds = [problem["kind"] for problem in as_json(second)["environments"][0]["problems"]]
    assert "rewound" in kinds


def test_unreachable_registry_is_exit_5_and_no_finding(tmp_path: Path) -> None:
    uri = "oci://127.0.0.1:1/acme/platform"
    manifest = (PLATFORM % uri).replace("identity: {trust_os_user: true}\n", "")
    (tmp_path / "manifest.yaml").write_text(manifest)

    verify = floe(tmp_path, "audit", "verify", "--output", "json")
    history = floe(tmp_path, "audit", "history", "--output", "jsonl")

    assert verify.code == 5
    assert as_json(verify)["error"]["reason_code"] == "registry_unavailable"
    assert as_json(verify)["environments"] == []
    assert (history.code, history.out) == (5, "")
    assert "No answer: registry 127.0.0.1:1 cannot be reached" in history.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("{endpont: 'http://127.0.0.1:1'}", "audit.options.endpont: s3:// has no such option"),
        ("{timeout: [30]}", "audit.options.timeout: use text, a number, true or false"),
        ("{conditional_put: sometimes}", "artifacts.promotion.audit: s3://audit/x cannot be used"),
    ],
)
def test_invalid_store_option_is_exit_2(used_platform: Path, options: str, said: str) -> None:
    audit = f"    audit: {{backend: s3, url: 's3://audit/x', options: {options}}}\n"
    manifest = (used_platform / "manifest.yaml").read_text()
    (used_platform / "options.yaml").write_text(
        manifest.replace("  promotion:\n", f"  promotion:\n{audit}")
    )

    arguments = ("--manifest", "options.yaml", "--output", "json")
    done = floe(used_platform, "promote", "v1.2.3", "--to", "prod", *arguments)

    assert done.code == 2
    assert said in as_json(done)["error"]["message"]
    assert "panicked" not in done.err
    assert "Traceback" not in done.err


def test_invalid_arguments_are_exit_2(used_platform: Path) -> None:
    for arguments in (
        ("verify", "--env", "qa"),
        ("verify", "--policy", "none"),
        ("history", "--env", "qa"),
        ("history", "--version", "latest"),
        ("history", "--since", "yesterday"),
        ("history", "--until", "tomorrow"),
        ("history", "--search", "x" * 201),
        ("history", "--search", "v1\u202e"),
        ("history", "--digest", "xyz"),
        ("history", "--limit", "-1"),
    ):
        done = floe(used_platform, "audit", *arguments)

        assert (done.code, done.out) == (2, ""), arguments
        assert "Traceback" not in done.err


@pytest.mark.requirement("FR-026")
def test_history_is_a_table_newest_first(used_platform: Path) -> None:
    done = floe(used_platform, "audit", "history", "--limit", "2")

    lines = done.out.splitlines()
    assert done.code == 0
    assert lines[0].split()[:5] == ["WHEN", "KIND", "ENVIRONMENT", "NO", "VERSION"]
    assert lines[1].split()[3:7] == ["promotion", "prod", "1", "v1.2.3"]
    assert lines[2].split()[3:7] == ["promotion", "staging", "2", "v1.2.3"]
    assert lines[3] == "(the newest 2; --limit shows more, 0 all of them)"


def test_history_is_searched_and_ends_before_a_time(used_platform: Path) -> None:
    found = as_json(floe(used_platform, "audit", "history", "--search", "1.2.2", "-o", "json"))
    before = as_json(floe(used_platform, "audit", "history", "--until", "1d", "-o", "json"))

    assert [each["artifact_tag"] for each in found["records"]] == ["v1.2.2-staging"]
    assert before["records"] == []


def test_history_as_json_is_one_document(used_platform: Path) -> None:
    done = floe(used_platform, "audit", "history", "--version", "v1.2.2", "--output", "json")

    document = as_json(done)
    assert (done.code, document["success"], document["error"]) == (0, True, None)
    assert [record["artifact_tag"] for record in document["records"]] == ["v1.2.2-staging"]


def test_history_as_jsonl_is_one_record_per_line(used_platform: Path) -> None:
    done = floe(used_platform, "audit", "history", "--limit", "0", "--output", "jsonl")

    records = [json.loads(line) for line in done.out.splitlines()]
    assert [(r["environment"], r["sequence"]) for r in records] == [
        ("prod", 1),
        ("staging", 2),
        ("staging", 1),
    ]


def test_reader_may_close_the_pipe_early(used_platform: Path) -> None:
    command = f"{sys.executable} -c 'from cli.main import main; main()' platform audit history"
    root = str(Path(__file__).parents[2])

    done = subprocess.run(
        ["/bin/sh", "-c", f"{command} --output jsonl | head -c 10"],
        cwd=used_platform,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout == '{"environm'
    assert done.stderr == ""


def test_names_are_escaped_in_the_table(platform: Path) -> None:
    forger = hand(platform)
    forged = forger.rewritten(
        "floe-head.prod",
        lambda record: record.update(operator="\x1b[31mroot", version="v\x1b[2J"),
        lambda a: a.update(
            {
                "dev.floe.promotion.operator": "\x1b[31mroot",
                "dev.floe.promotion.version": "v\x1b[2J",
            }
        ),
    )
    forger.put(forged, "floe-head.prod", "floe-ledger.prod.1")

    history = floe(platform, "audit", "history", "--env", "prod")
    verify = floe(platform, "audit", "verify", "--env", "prod")

    assert history.code == 0
    assert verify.code == 1
    assert "\\x1b[31mroot" in history.out
    assert "\x1b" not in history.out + verify.out


def test_policy_of_a_record_is_printed_with_its_digest(used_platform: Path) -> None:
    record = as_json(floe(used_platform, "audit", "history", "--output", "json"))["records"][0]
    digest = record["policy_digest"]

    text = floe(used_platform, "audit", "policy", "prod#1")
    found = as_json(floe(used_platform, "audit", "policy", digest[:20], "--output", "json"))

    canonical = json.dumps(found["policy"], sort_keys=True, separators=(",", ":"))
    assert found["digest"] == digest == f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"
    assert [each["name"] for each in found["policy"]["environments"]] == ["dev", "staging", "prod"]
    assert text.code == 0
    assert f"Policy {digest}" in text.out
    assert '"trust_os_user": true' in text.out


def test_unknown_policy_is_refused_with_those_there_are(used_platform: Path) -> None:
    done = floe(used_platform, "audit", "policy", "0000")

    assert done.code == 2
    assert "No policy begins with sha256:0000. Policies in " in done.err


def test_lost_rollback_target_is_a_note(platform: Path) -> None:
    hand(platform).remove_manifest("v1.2.2-staging")

    verified = floe(platform, "audit", "verify")

    assert verified.code == 0
    shown = " ".join(verified.out.split())
    assert "note rollback: staging cannot be rolled back to v1.2.2, which ran before" in shown
