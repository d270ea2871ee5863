"""`floe init`: the files of a new platform, from questions or from options."""

import re
from pathlib import Path

import pytest

from engine.config import load_config
from engine.config.people import OidcSignIn
from tests.scenarios.commands import Finished, Floe

# No registry answers there: the doctor says so, and the files are written.
UNREACHED, UNUSABLE = 5, 2
REGISTRY = "oci://localhost:1/acme/shop"
FILES = {"floe.key", "floe.key.pub", "manifest.yaml", "slack-app.yaml"}
SIGN_IN = ("--oidc-issuer", "https://login.acme.com", "--oidc-domains", "acme.com,acme.org")
HELM = ("--deploy", "helm", "--image", "registry.example.com/floe", *SIGN_IN)
SMALLEST = """\
# How shop is promoted. `floe manifest check` checks this file, and `floe schema`
# prints all that can stand here.
apiVersion: floe.dev/v1
kind: Manifest
metadata: {name: shop}

artifacts:
  registry:
    # With the credentials of `docker login`, `podman login` or `skopeo login`.
    uri: oci://localhost:1/acme/shop
  promotion:
    environments:          # in the order of promotion; builds publish into the first one
      - name: dev
      - name: staging
      - name: prod

ledger:                    # every record is signed with floe.key; keep it out of git
  signing: {key: "file:floe.key"}
  trusted_keys: [floe.key.pub]
"""


def init(folder: Path, *more: str) -> Finished:
    return Floe(folder).run("init", "--registry", REGISTRY, *more)


def files(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def test_options_write_the_smallest_valid_manifest(tmp_path: Path) -> None:
    done = init(tmp_path, "--slack", "none")

    assert done.code == UNREACHED, done.err
    assert files(tmp_path) == FILES - {"slack-app.yaml"}
    assert "prod needs no approval yet: floe knows people through Slack" in done.out
    assert (tmp_path / "manifest.yaml").read_text() == SMALLEST
    assert (tmp_path / "floe.key").stat().st_mode & 0o777 == 0o600
    assert Floe(tmp_path).run("manifest", "check").code == 0
    public = (tmp_path / "floe.key.pub").read_text()
    assert Floe(tmp_path).run("keys", "show").out.startswith(public)


def test_terminal_asks_and_enter_takes_the_answer_in_brackets(tmp_path: Path) -> None:
    done = Floe(tmp_path).run_at_terminal("localhost:1/acme/shop" + 9 * "\n", "init")

    assert done.code == UNREACHED, done.err
    assert "Name of the product [shop]: " in done.err
    assert "Environments in the order of promotion [dev,staging,prod]: " in done.err
    assert files(tmp_path) == FILES
    config = load_config(tmp_path / "manifest.yaml", {})
    assert config.path.names == ("dev", "staging", "prod")
    assert config.path.environment("prod").approvals.required == 1
    assert config.web.base_url == "http://localhost:8080"
    assert "Registry and repository" not in done.out


def test_terminal_asks_again_after_an_invalid_answer(tmp_path: Path) -> None:
    typed = [
        *("acme", "localhost:1/acme/shop", "", "dev", "dev,live"),
        *("http", "#deploys", "C01DEPLOY", "none", "http://floe.acme.com", "https://floe.acme.com"),
        *("2", "bob@acme.com", "bob@acme.com,sre", ""),
    ]

    done = Floe(tmp_path).run_at_terminal("\n".join(typed), "init")

    assert done.code == UNREACHED, done.err
    # Typed ahead, so the terminal shows no answers between them.
    errors = re.findall(r"Error: ([\w ]+)", done.err)
    assert errors == [
        "must be oci",
        "must be at least two",
        "must be the id of the channel",
        "must be https",
        "must name at least 2 people",
    ]
    config = load_config(tmp_path / "manifest.yaml", {})
    assert config.slack.channel == "C01DEPLOY"
    assert config.path.environment("live").approvals.groups == {"shop-approvers", "sre"}


@pytest.mark.parametrize("typed", ["\x04", "localhost:1/acme/shop\n\x04"])
def test_questions_that_are_left_write_nothing(typed: str, tmp_path: Path) -> None:
    left = Floe(tmp_path).run_at_terminal(typed, "init")

    assert left.code == 130
    assert files(tmp_path) == set()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ((), "Missing option '--registry'"),
        (("--registry", "shop"), "'--registry': must be oci://host"),
        (("--registry", REGISTRY, "--environments", "dev"), "'--environments': must be at least"),
        (("--registry", REGISTRY, "--environments", "dev,Prod"), "must be lower case letters"),
        (("--registry", REGISTRY, "--product", "My Shop"), "'--product': must be lower case"),
        (("--registry", REGISTRY, "--slack", "http"), "Missing option '--address'"),
        (
            ("--registry", REGISTRY, "--slack", "http", "--address", "http://a.example"),
            "--address must be https://",
        ),
        (("--registry", REGISTRY, "--slack-channel", "deploys"), "'--slack-channel': must be the"),
        (
            ("--registry", REGISTRY, "--slack", "none", "--slack-channel", "C01"),
            "--slack-channel needs --slack socket or http",
        ),
        (("--registry", REGISTRY, "--slack", "none", "--approvals", "1"), "--approvals needs"),
        (("--registry", REGISTRY, "--oidc-issuer", "http://id.example"), "must be https"),
        (
            ("--registry", REGISTRY, "--oidc-issuer", "https://id.example"),
            "Missing option '--oidc-domains'",
        ),
        (
            ("--registry", REGISTRY, "--approvals", "2", "--approvers", "bob@acme.com"),
            "--approvers must name at least 2 people, or a group",
        ),
        (("--registry", REGISTRY, "--image", "floe"), "--image needs --deploy helm"),
        (("--registry", REGISTRY, "--deploy", "helm"), "Missing option '--oidc-issuer'"),
        (
            ("--registry", REGISTRY, "--deploy", "helm", "--oidc-issuer", "none"),
            "--oidc-issuer cannot be none with --deploy helm",
        ),
        (
            ("--registry", "oci-layout:./registry", *HELM),
            "--registry must be oci://… with --deploy helm",
        ),
    ],
)
def test_wrong_or_missing_option_is_one_sentence_and_writes_nothing(
    given: tuple[str, ...], problem: str, tmp_path: Path
) -> None:
    refused = Floe(tmp_path).run("init", *given, "--output", "json")

    assert refused.code == refused.document["error"]["exit_code"] == 2
    assert problem in refused.document["error"]["message"]
    assert problem in refused.err
    assert "Traceback" not in refused.err
    assert files(tmp_path) == set()


@pytest.mark.parametrize("existing", sorted(FILES))
def test_existing_file_is_named_and_nothing_is_written(existing: str, tmp_path: Path) -> None:
    (tmp_path / existing).symlink_to("nowhere")

    refused = init(tmp_path)

    assert refused.code == 2
    assert f"{existing} already exists in {tmp_path}" in refused.err
    assert files(tmp_path) == {existing}


def test_existing_files_are_reported_before_the_first_question(tmp_path: Path) -> None:
    for name in ("floe.key", "manifest.yaml"):
        (tmp_path / name).write_text("mine")

    refused = Floe(tmp_path).run_at_terminal("", "init")

    assert refused.code == 2
    assert "floe.key, manifest.yaml already exist in" in refused.err
    assert "Registry" not in refused.err


def test_directory_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".floe-init-held").mkdir()
    folder = tmp_path / "proc"
    folder.symlink_to("/proc/self")

    refused = init(folder, "--output", "json")

    assert refused.code == 2
    assert "cannot be written" in refused.document["error"]["message"]
    assert "Traceback" not in refused.err


def test_sign_in_and_approvers_are_in_the_manifest(tmp_path: Path) -> None:
    people = "bob@acme.com,carol@acme.com,release-managers"
    done = init(tmp_path, *SIGN_IN, "--approvals", "2", "--approvers", people)

    config = load_config(tmp_path / "manifest.yaml", {"OIDC_CLIENT_SECRET": "x"})
    assert done.code == UNUSABLE, done.err
    assert isinstance(config.web.auth, OidcSignIn)
    assert config.web.auth.allowed_domains == ("acme.com", "acme.org")
    approvals = config.path.environment("prod").approvals
    assert (approvals.required, approvals.groups) == (2, {"shop-approvers", "release-managers"})
    assert config.identity.groups == {"shop-approvers": ("bob@acme.com", "carol@acme.com")}
    assert "http://localhost:8080/auth/callback" in (tmp_path / "manifest.yaml").read_text()


def test_json_has_the_files_the_variables_and_the_commands(tmp_path: Path) -> None:
    done = init(tmp_path, "--output", "json", "--environments", "test,live")

    document = done.document
    assert {*document["files"]} == FILES
    assert document["variables"] == ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"]
    # Only people that Slack identifies may promote to live.
    publish, serve = document["commands"]
    assert publish.endswith("localhost:1/acme/shop:v0.0.1-test")
    assert serve == "floe serve"
    assert "PRIVATE" not in done.out + done.err
    assert (document["success"], document["error"]["exit_code"], done.code) == (False, 5, 5)
    failed = [each["name"] for each in document["diagnoses"] if each["verdict"] == "failed"]
    assert failed == ["reachable"]


def test_server_that_the_doctor_would_bypass_is_named(tmp_path: Path) -> None:
    floe = Floe(tmp_path, {"FLOE_SERVER": "https://floe.example.com"})

    done = floe.run("init", "--registry", REGISTRY)

    assert done.code == UNUSABLE
    assert files(tmp_path) == FILES
    assert "Not examined: FLOE_SERVER is set" in done.out
    assert "\nOnce no try fails:\n" in done.out


def test_failed_try_is_the_result_and_its_files_stay(tmp_path: Path) -> None:
    done = init(tmp_path, "--slack", "none")
    again = init(tmp_path, "--slack", "none")
    repeated = Floe(tmp_path).run("doctor", "--output", "json")

    assert (done.code, repeated.code, again.code) == (UNREACHED, UNREACHED, 2)
    assert "The files are complete and stay. Mend each failure" in done.out
    assert "\n  floe doctor\n" in done.out
    assert "\nNext:\n" not in done.out
    assert "To check existing files: floe doctor" in again.err
    assert repeated.document["error"]["exit_code"] == UNREACHED


def test_settings_that_can_be_used_lead_to_the_next_commands(tmp_path: Path) -> None:
    done = Floe(tmp_path).run("init", "--registry", "oci-layout:./registry", "--slack", "none")

    assert done.code == 0, done.out
    assert "\nNext:\n" in done.out
    assert "floe doctor\n" not in done.out
