"""
The set-ups of docs/identity.md and docs/web.md admit their intended users and refuse strangers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from flask.testing import FlaskClient

from engine.bootstrap import open_products
from engine.config import load_config
from engine.domain.change import ChangeState
from engine.domain.product import UNNAMED
from engine.ports.telemetry import NO_METRICS
from tests.bot.fake_slack import fake_slack
from tests.bot.stage import ALICE, BOB, CAROL, Stage
from tests.builders import image
from tests.docs.pages import ROOT, Block, blocks
from tests.docs.platforms import JOB, PRIMARY, Platform, platform_of
from tests.peers import oci_layout
from tests.peers.fake_provider import FakeProvider
from tests.peers.oidc_provider import oidc_provider
from web.lifecycle import open_web

IDENTITY = ROOT / "docs" / "identity.md"
TEAM_CLAIM = "https://slack.com/team_id"


def section(title: str) -> str:
    """Return the manifest in the section `title` of docs/identity.md."""
    text = IDENTITY.read_text().partition(f"\n## {title}\n")[2]
    (found,) = [
        b for b in blocks("yaml") if b.page == IDENTITY and b.text in text.split("\n## ")[0]
    ]
    return found.text


@contextmanager
def jobs(title: str, folder: Path, registry: str) -> Iterator[Platform]:
    with platform_of(section(title), folder, registry) as platform:
        yield platform


@pytest.mark.parametrize("ids", [False, True], ids=["names", "names with ids"])
def test_github_job_is_admitted_by_repository_and_promotes_by_environment(
    tmp_path: Path, registry_host: str, repository: str, ids: bool
) -> None:
    job = JOB.replace("acme/platform", "acme@123456/platform@789012") if ids else JOB
    branch = job.replace("environment:production", "ref:refs/heads/main")
    with jobs("GitHub Actions", tmp_path, f"{registry_host}/{repository}") as platform:
        strangers = [
            platform.promote("staging", sub=subject).code
            for subject in (
                job.replace("platform", "platform-evil"),
                job.replace("acme", "acme-evil"),
                "repo:acme@999/platform@789012:environment:production",
            )
        ]
        staging = platform.promote("staging", sub=branch)
        refused = platform.promote("prod", sub=branch)
        prod = platform.promote("prod", sub=job)

    assert strangers == [12, 12, 12]
    assert staging.code == 0, staging.out
    assert refused.code == 12
    assert f"#{branch}" in refused.document["error"]["message"]
    assert prod.code == 0, prod.out


def test_gitlab_job_promotes_only_from_a_protected_tag(
    tmp_path: Path, registry_host: str, repository: str
) -> None:
    job = {
        "sub": "project_path:acme/platform:ref_type:tag:ref:v1.0.0",
        "project_path": "acme/platform",
        "ref_protected": "true",
    }
    with jobs("GitLab", tmp_path, f"{registry_host}/{repository}") as platform:
        strangers = [
            platform.promote("staging", **job | changed).code
            for changed in (
                {"project_path": "evil/platform"},
                {"project_path": "acme/platform/evil"},
                {"project_path": None},
                {"ref_protected": "false"},
                {"ref_protected": None},
            )
        ]
        staging = platform.promote("staging", **job)
        prod = platform.promote("prod", **job)

    assert strangers == [12] * 5
    assert staging.code == 0, staging.out
    assert prod.code == 0, prod.out


def test_people_of_an_openid_provider_promote_by_their_groups(tmp_path: Path) -> None:
    """Test with a certified provider; its clients and users are our own."""
    document = yaml.safe_load(
        section("An OpenID provider").replace(PRIMARY, "oci-layout:./registry")
    )
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")
    with oidc_provider(tmp_path) as provider:
        document["identity"]["oidc"][0]["issuer"] = provider.issuer
        whole = {"apiVersion": "floe.dev/v1", "kind": "Manifest"} | document
        (tmp_path / "manifest.yaml").write_text(yaml.safe_dump(whole))
        key = provider.key
        platform = Platform(tmp_path, (), key, {"OIDC_CLIENT_SECRET": "x"})

        def code(user: str, target: str) -> int:
            environ = {**platform.environ, "FLOE_ID_TOKEN": provider.id_token(user)}
            return Platform(tmp_path, (), key, environ).promote(target).code

        unverified = code("mallory", "staging")
        staging = code("bob", "staging")
        outside = code("bob", "prod")
        prod = code("alice", "prod")

    assert (unverified, staging, outside, prod) == (12, 0, 12, 0)


def test_people_in_slack_promote_by_the_documented_groups(tmp_path: Path) -> None:
    text = section("Slack").replace(PRIMARY, "oci-layout:./registry")
    (tmp_path / "manifest.yaml").write_text(f"apiVersion: floe.dev/v1\nkind: Manifest\n{text}")
    oci_layout.write(tmp_path / "registry", image(), "v1.0.0-dev")
    with fake_slack() as slack:
        slack.person(ALICE, "alice@acme.com")
        slack.person(BOB, None)
        slack.person(CAROL, "carol@acme.com")
        slack.person("U09EVE", "alice@acme.com", team_id="T99EVIL")
        slack.groups["release-managers"] = [BOB]
        stage = Stage(tmp_path, slack)
        stage.start()
        try:
            stage.command("/promote v1.0.0 staging", "U09EVE")
            messages = stage.eventually(lambda: stage.private_texts("U09EVE"))
            stage.command("/promote v1.0.0 staging", CAROL)
            refused = stage.change(ChangeState.BLOCKED)
            stage.command("/promote v1.0.0 staging", ALICE)
            stage.change(ChangeState.PROMOTED)
            change = stage.waiting_change()
            stage.click("floe_approve", change.id, BOB)
            done = stage.change(ChangeState.PROMOTED)
        finally:
            stage.stop()

    assert "another workspace" in messages[0]
    assert refused.requester.name == "carol@acme.com"
    assert [each.operator for each in done.approvals] == ["bob@acme.com"]


def sign_ins() -> list[Block]:
    return [block for block in blocks("yaml") if "mode: oidc" in block.text]


@pytest.mark.parametrize("block", sign_ins(), ids=str)
def test_people_sign_in_as_documented_and_strangers_do_not(block: Block, tmp_path: Path) -> None:
    web = yaml.safe_load(block.text)["web"]
    colleague = {"aud": web["auth"]["client_id"], TEAM_CLAIM: "T01ACME"}
    stranger = {**colleague, TEAM_CLAIM: "T99EVIL", "email": "mallory@evil.com"}
    with FakeProvider() as provider, page_of(web, provider, tmp_path) as client:
        refused = sign_in(client, provider, stranger)
        outside = client.get("/changes", base_url=web["base_url"]).status_code
        sign_in(client, provider, colleague)
        inside = client.get("/changes", base_url=web["base_url"]).status_code

    assert refused == 403
    assert outside == 303
    assert inside == 200


@contextmanager
def page_of(web: dict[str, Any], provider: FakeProvider, folder: Path) -> Iterator[FlaskClient]:
    """Open the page with the section `web` of a manifest and `provider` as its issuer."""
    oci_layout.write(folder / "registry", image(), "v1.0.0-dev")
    web["auth"]["issuer"] = provider.issuer
    whole = {
        "apiVersion": "floe.dev/v1",
        "kind": "Manifest",
        "artifacts": {"registry": {"uri": "oci-layout:./registry"}},
        "web": web,
    }
    (folder / "manifest.yaml").write_text(yaml.safe_dump(whole))
    environ = {web["auth"]["client_secret_env"]: "secret"}
    config = load_config(folder / "manifest.yaml", environ)
    with (
        open_products({UNNAMED: config}, NO_METRICS, several=False) as products,
        open_web(products, config) as app,
        app.test_client() as client,
    ):
        yield client


def sign_in(client: FlaskClient, provider: FakeProvider, said: dict[str, Any]) -> int:
    """Return the answer of the callback when the provider asserts `said` of the user."""
    base = "https://floe.acme.com"
    place = client.get("/auth/start", base_url=base).headers["Location"]
    asked = parse_qs(urlsplit(place).query)
    provider.nonce, provider.changed = asked["nonce"][0], said
    answer = client.get(f"/auth/callback?code=given&state={asked['state'][0]}", base_url=base)
    return answer.status_code
