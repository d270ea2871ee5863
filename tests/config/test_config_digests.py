"""The policy digest contains all rules, and no other settings."""

from pathlib import Path

import pytest

from engine.domain.errors import UsageError
from tests.config.manifest_files import load, manifest

PROMOTION = """
environments:
  - {name: dev}
  - name: prod
    gates: {tests: true}
    authorization: {allowed_groups: [admins, sre]}
    approvals: {required: 1, groups: [managers]}
gate_commands: {tests: pytest}
policies: [{name: has-layers, rule: size(artifact.layers) > 0}]
"""
REGISTRY = """
uri: oci-layout:./registry
verification: {public_keys: [release.pub, second.pub]}
"""
REST = "identity: {groups: {admins: [alice@acme.com, bob@acme.com]}}\n"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    (tmp_path / "release.pub").write_text("first key")
    (tmp_path / "second.pub").write_text("second key")
    return tmp_path


def digests(
    keys: Path, promotion: str = PROMOTION, registry: str = REGISTRY, rest: str = REST
) -> tuple[str, str, str]:
    """The policy digest, and the environment digests of dev and prod."""
    config = load(keys, manifest(registry=registry, promotion=promotion, rest=rest), T="token")
    return (
        config.policy.digest,
        config.environment_digest("dev"),
        config.environment_digest("prod"),
    )


def test_policy_and_environment_digests_are_sha256(keys: Path) -> None:
    for digest in digests(keys):
        assert digest.startswith("sha256:")
        assert len(digest) == 71


def test_unknown_environment_has_no_digest(keys: Path) -> None:
    config = load(keys, manifest(registry=REGISTRY, promotion=PROMOTION))

    with pytest.raises(UsageError, match="'qa' is not an environment"):
        config.environment_digest("qa")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("gate_commands: {tests: pytest}", "gate_commands: {tests: 'true'}"),
        ("tests: true", "tests: {timeout_seconds: 31}"),
        ("tests: true", "tests: {env: [CI]}"),
        ("[admins, sre]", "[admins]"),
        ("[admins, sre]}", "[admins, sre], separation_of_duties: true}"),
        ("required: 1", "required: 2"),
        ("[managers]", "[managers, admins]"),
        ("[managers]", "[managers], expires_after: 1h"),
    ],
)
@pytest.mark.requirement("AP-001")
def test_rule_of_an_environment_changes_only_its_digest(
    keys: Path, before: str, after: str
) -> None:
    policy, dev, prod = digests(keys)

    changed = digests(keys, PROMOTION.replace(before, after, 1))

    assert changed[0] != policy
    assert changed[1] == dev
    assert changed[2] != prod


@pytest.mark.requirement("AP-001")
def test_policies_and_key_contents_change_all_digests(keys: Path) -> None:
    before = digests(keys)

    stricter = digests(keys, PROMOTION.replace("> 0", "> 1"))
    (keys / "release.pub").write_text("another key")
    rotated = digests(keys)

    for one, other, third in zip(before, stricter, rotated, strict=True):
        assert len({one, other, third}) == 3


def test_group_members_and_locks_change_only_the_policy_digest(keys: Path) -> None:
    policy, dev, prod = digests(keys)

    members = digests(keys, rest=REST.replace("bob", "carol"))
    locked = digests(
        keys,
        PROMOTION.replace("name: dev", "name: dev, lock: {locked: true, reason: r, locked_by: l}"),
    )

    assert members[0] != policy
    assert locked[0] != policy
    assert members[1:] == locked[1:] == (dev, prod)


def test_addresses_interfaces_and_secrets_change_no_digest(keys: Path) -> None:
    elsewhere = REGISTRY.replace(
        "oci-layout:./registry",
        "oci://h.example/a\nauth: {type: token, token_env: T}\ntimeout_seconds: 5",
    )
    outbound = PROMOTION + (
        "webhooks: [{url: 'https://h.example', secret: '${T}'}]\n"
        "audit: {backend: s3, url: 's3://b'}\nsecondary_registries: [{uri: oci-layout:m}]\n"
    )
    faces = REST + "slack: {channel: C1}\nweb: {public: true}\nstate: {dir: s}\n"

    assert digests(keys, outbound, elsewhere, faces) == digests(keys)


def test_written_defaults_and_list_order_change_no_digest(keys: Path) -> None:
    spelled = PROMOTION.replace("tests: true", "tests: {timeout_seconds: 300, env: []}")
    spelled = spelled.replace("[admins, sre]", "[sre, admins]") + "default_timeout: 300\n"
    registry = REGISTRY.replace("[release.pub, second.pub]", "[second.pub, release.pub]")

    assert digests(keys, spelled, registry) == digests(keys)
