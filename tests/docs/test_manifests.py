"""Every documented manifest promotes its example and refuses strangers."""

from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import Block
from tests.docs.platforms import JOB, VERSION, Platform, document_of, platform_of
from tests.docs.test_pages import manifests

_DATABASE = "env:FLOE_STATE_URL"
_READER = "system:serviceaccount:floe:reader"
pytestmark = pytest.mark.timeout(300)
# The claims of the job or person that the documented manifest is for.
_OURS: dict[str, Any] = {
    "email_verified": True,
    "groups": ["developers", "platform-admins"],
    "repository_owner": "acme",
    "project_path": "acme/platform",
    "ref_protected": "true",
}
_STRANGER: dict[str, Any] = {
    "sub": "repo:evil/platform:environment:production",
    "email": "mallory@evil.com",
    "email_verified": True,
    "groups": ["developers", "platform-admins", "release-managers"],
    "repository_owner": "evil",
    "project_path": "evil/platform",
    "ref_protected": "true",
}


def platforms() -> list[Block]:
    """The manifests of pages that have no test of their own; such a test prepares more."""
    return [
        block
        for block in manifests()
        if block.page.name != "plug-ins.md" and block.page.parent.name != "runbooks"
    ]


@pytest.mark.parametrize("block", platforms(), ids=str)
def test_documented_manifest_promotes(
    block: Block,
    tmp_path: Path,
    registry_host: str,
    repository: str,
    request: pytest.FixtureRequest,
) -> None:
    text = block.text
    if _DATABASE in text:
        (tmp_path / "database").write_text(request.getfixturevalue("postgres_server").url)
        text = text.replace(_DATABASE, f"file:{tmp_path / 'database'}")
    with platform_of(text, tmp_path, f"{registry_host}/{repository}") as platform:
        if "oidc:" in block.text and "identity:" in block.text:
            refused = platform.promote(platform.environments[1], **_STRANGER)
            assert refused.code == 12, refused.out + refused.err
            assert "identity.oidc does not admit this token" in refused.err + refused.out

        *earlier, last = platform.environments[1:]
        for target in earlier:
            promote_with_approval(
                platform, target, sub=subject(block, "dave"), email="dave@acme.com"
            )
        done = promote_with_approval(
            platform, last, sub=subject(block, "deploy-bot"), email="alice@acme.com"
        )

    assert done["artifact_tag"] == f"{VERSION}-{last}"
    assert done["warnings"] == []


def test_documented_policy_refuses_an_artifact_that_breaks_it(
    tmp_path: Path, registry_host: str, repository: str
) -> None:
    [block] = [each for each in platforms() if "policies:" in each.text]
    text = block.text.replace("image.source", "image.licenses")

    with platform_of(text, tmp_path, f"{registry_host}/{repository}") as platform:
        refused = platform.promote("staging")

    assert refused.code == 8, refused.out + refused.err
    assert "say where it comes from" in refused.document["error"]["message"]


def subject(block: Block, other: str) -> str:
    """The workload that the manifest names, or `other`."""
    return next((each for each in (JOB, _READER) if each in block.text), other)


def promote_with_approval(platform: Platform, target: str, **said: Any) -> Any:
    """Return the answer to a promotion, after an approval by release-managers where required."""
    asked = platform.promote(target, **{**_OURS, **said})
    if asked.code != 14:
        assert asked.code == 0, asked.out + asked.err
        return document_of(asked)
    change = document_of(asked)["change_id"]
    bob = {"sub": "bob", "email": "bob@acme.com", "groups": ["release-managers"]}
    approved = platform.approve(change, **{**_OURS, **bob})
    if approved.code == 14:
        carol = {"sub": "carol", "email": "carol@acme.com", "groups": ["security"]}
        approved = platform.approve(change, **{**_OURS, **carol})
    assert approved.code == 0, approved.out + approved.err
    return document_of(platform.promote(target, **{**_OURS, **said})) | {"warnings": []}
