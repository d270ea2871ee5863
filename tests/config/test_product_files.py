"""Product files: their settings beside those of the server file."""

from pathlib import Path

import pytest

from tests.config.server_files import broken, load, write_product, write_server
from tests.peers.signing import SigningKey


@pytest.mark.parametrize("name", ["Checkout", "a/b", "-a", "a..b", "x" * 65, "ä", "a b"])
def test_unusable_name_is_refused_under_the_name_of_the_file(tmp_path: Path, name: str) -> None:
    path = write_server(tmp_path)
    write_product(
        tmp_path, f'"{name}"', file="checkout", text="artifacts: {registry: {uri: oci-layout:r}}"
    )

    assert broken(path, "checkout") == [
        "checkout.yaml:3: metadata.name: must be lower case letters and digits, with inner dots, "
        "hyphens or underscores, and at most 64 characters"
    ]


def test_section_of_the_server_is_refused_in_a_product(tmp_path: Path) -> None:
    path = write_server(tmp_path)
    own = """\
    artifacts: {registry: {uri: oci-layout:./r}}
    identity: {}
    web: {}
    state: {}
    slack:
      channel: C1
      commands: {promote: /ship}
    ledger:
      adopted: []
      signing: {key: env:KEY}
    defaults: {}
    """
    write_product(tmp_path, "checkout", own)

    assert broken(path, "checkout") == [
        f"checkout.yaml:{line}: {section}: belongs in the server file, floe.yaml: remove it here"
        for line, section in [
            (5, "identity"),
            (6, "web"),
            (7, "state"),
            (10, "slack.commands"),
            (13, "ledger.signing"),
            (14, "defaults"),
        ]
    ]


@pytest.mark.parametrize(
    ("slack", "channel", "channels"),
    [
        ("{channel: C1}", "C1", ("C1",)),
        ("{channels: [C1, C2]}", "C01DEPLOY", ("C1", "C2")),
        ("{channel: C1, channels: [C2, C1]}", "C1", ("C1", "C2")),
        ("{}", "C01DEPLOY", ()),
    ],
)
def test_product_has_channels_of_its_own(
    tmp_path: Path, slack: str, channel: str, channels: tuple[str, ...]
) -> None:
    path = write_server(tmp_path, rest="slack: {channel: C01DEPLOY}\n")
    own = f"artifacts: {{registry: {{uri: oci-layout:./r}}}}\nslack: {slack}\n"
    write_product(tmp_path, "checkout", own)

    config = load(path).products["checkout"]

    assert config.slack.channel == channel
    assert config.slack.channels == channels
    assert load(path).server.slack.channels == ()


@pytest.mark.parametrize(
    ("slack", "approvers", "requester"),
    [("{channel: C1}", "dm", False), ("{notify: {approvers: off}}", "off", True)],
)
def test_direct_messages_of_a_product_replace_those_of_the_server(
    tmp_path: Path, slack: str, approvers: str, requester: bool
) -> None:
    path = write_server(tmp_path, rest="slack: {notify: {approvers: dm, requester: false}}\n")
    own = f"artifacts: {{registry: {{uri: oci-layout:./r}}}}\nslack: {slack}\n"
    write_product(tmp_path, "checkout", own)

    notify = load(path).products["checkout"].slack.notify

    assert (notify.approvers, notify.requester) == (approvers, requester)


def test_unset_secret_of_the_server_is_one_of_each_product(tmp_path: Path) -> None:
    secret = "auth: {type: token, token_env: TOKEN}"
    state = "state: {url: env:DATABASE}\n"
    path = write_server(
        tmp_path, f"registry: {{uri: 'oci://h.example/{{product}}', {secret}}}", state
    )
    write_product(tmp_path, "checkout", "artifacts: {}")

    installation = load(path)
    config = installation.products["checkout"]

    assert [str(each) for each in config.unset_variables] == [
        f"{path}:6: defaults.registry.auth.token_env: the environment variable TOKEN is not set",
        f"{path}:4: state.url: the environment variable DATABASE is not set",
    ]
    assert [each.place for each in config.unset("artifacts.registry")] == [
        "artifacts.registry.auth.token_env"
    ]
    assert [each.place for each in installation.server.unset("state")] == ["state.url"]
    assert not installation.server.unset("artifacts", "defaults")


def test_product_adopts_entries_and_trusts_keys_of_its_own(tmp_path: Path) -> None:
    for name in ("server", "own"):
        (tmp_path / f"{name}.pub").write_bytes(SigningKey.new().pem())
    path = write_server(
        tmp_path,
        "may_override: [ledger.trusted_keys, ledger.adopted]",
        "ledger: {trusted_keys: [server.pub]}\n",
    )
    digest = f"sha256:{'a' * 64}"
    own = "artifacts: {registry: {uri: oci-layout:./r}}\n"
    ledger = f'ledger: {{trusted_keys: [../own.pub], adopted: ["prod#7={digest}"]}}\n'
    write_product(tmp_path, "checkout", own + ledger)
    write_product(tmp_path, "search")

    installation = load(path)
    checkout, search = installation.products.values()

    assert [each.path.name for each in checkout.ledger.trusted_keys] == ["server.pub", "own.pub"]
    assert len(checkout.ledger.adopted) == 1
    assert search.ledger is installation.server.ledger
