"""The settings of signed ledger entries: the key that signs, and the keys that are trusted."""

from pathlib import Path

import pytest

from engine.adapters.signing import generate_key
from engine.bootstrap.keys import sealing_of
from engine.config.signing_keys import SigningKey
from engine.domain.errors import ConfigError
from engine.domain.public_key import PublicKey
from tests.config.manifest_files import load, manifest, problems
from tests.peers import signing as keys


def signing(key: str) -> str:
    return manifest(rest=f"ledger:\n  signing: {{key: '{key}'}}\n")


def trusting(*keys: str) -> str:
    return manifest(rest=f"ledger: {{trusted_keys: [{', '.join(keys)}]}}\n")


@pytest.mark.parametrize(
    ("key", "kind", "address"),
    [
        ("awskms:alias/floe", "awskms", "alias/floe"),
        ("awskms:///alias/floe", "awskms", "alias/floe"),
        ("awskms:arn:aws:kms:eu-west-1:1:key/2", "awskms", "arn:aws:kms:eu-west-1:1:key/2"),
        ("gcpkms:projects/p/locations/l", "gcpkms", "projects/p/locations/l"),
        ("azurekms:vault/floe", "azurekms", "vault/floe"),
        ("hashivault:floe", "hashivault", "floe"),
    ],
)
def test_key_of_a_service_is_named_by_its_kind(
    tmp_path: Path, key: str, kind: str, address: str
) -> None:
    config = load(tmp_path, signing(key))

    assert config.ledger.signing is not None
    assert config.ledger.signing.key == SigningKey(kind, address)


def test_key_file_is_relative_to_the_manifest(tmp_path: Path) -> None:
    config = load(tmp_path, signing("file:keys/floe.key"))

    assert config.ledger.signing is not None
    assert config.ledger.signing.key == SigningKey("file", str(tmp_path / "keys/floe.key"))


def test_key_in_a_variable_is_never_shown(tmp_path: Path) -> None:
    config = load(tmp_path, signing("env:LEDGER_KEY"), LEDGER_KEY="PEM-SECRET")

    assert config.ledger.signing is not None
    assert isinstance(config.ledger.signing.key, SigningKey)
    assert config.ledger.signing.key.name == "env:LEDGER_KEY"
    assert "PEM-SECRET" not in repr(config)


def test_unset_variable_is_an_error_of_commands_that_write(tmp_path: Path) -> None:
    config = load(tmp_path, signing("env:LEDGER_KEY"))

    config.require("artifacts")
    with pytest.raises(ConfigError, match="signing.key: the environment variable LEDGER_KEY is "):
        config.require("ledger")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("floe.key", "must be one of env:NAME, file:PATH"),
        ("vault:floe", "must be one of env:NAME, file:PATH"),
        ("env:", "must be one of env:NAME, file:PATH"),
        ("env:MY KEY", "must be the name of an environment variable"),
        ("azurekms:vault", "must be azurekms:VAULT/KEY"),
        ("-----BEGIN PRIVATE KEY-----", "must not be in the file: write env:NAME or file:PATH"),
    ],
)
def test_unusable_key_place_is_refused(tmp_path: Path, key: str, message: str) -> None:
    [problem] = problems(tmp_path, signing(key))

    assert problem.startswith(f"ledger.signing.key: {message}")


def test_trusted_keys_are_files_or_text(tmp_path: Path) -> None:
    file, text = keys.SigningKey.new(), keys.SigningKey.new("EdDSA")
    (tmp_path / "floe.pub").write_bytes(file.pem())
    inline = text.pem().decode().replace("\n", "\\n")

    config = load(tmp_path, trusting("floe.pub", f'"{inline}"'))

    assert [key.content for key in config.ledger.trusted_keys] == [file.pem(), text.pem()]


@pytest.mark.parametrize(
    ("algorithm", "message"),
    [("RS256", "is of an unsupported kind"), ("ES384", "is of an unsupported kind")],
)
def test_trusted_key_of_another_kind_is_refused(
    tmp_path: Path, algorithm: str, message: str
) -> None:
    path = tmp_path / "floe.pub"
    path.write_bytes(keys.SigningKey.new(algorithm).pem())

    assert problems(tmp_path, trusting("floe.pub")) == [
        f"ledger.trusted_keys[0]: {path} {message}: it must be ECDSA P-256 or Ed25519"
    ]


def test_unreadable_trusted_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.pub").write_text("not a key")

    assert problems(tmp_path, trusting("bad.pub", "missing.pub")) == [
        f"ledger.trusted_keys[0]: {tmp_path}/bad.pub is not a PEM public key: it must be "
        "ECDSA P-256 or P-384, Ed25519, or RSA of at least 2048 bits",
        f"ledger.trusted_keys[1]: {tmp_path}/missing.pub cannot be read: No such file or directory",
    ]


def test_misspelled_key_is_suggested(tmp_path: Path) -> None:
    assert problems(tmp_path, manifest(rest="ledger: {trusted_key: [a]}\n")) == [
        "ledger.trusted_key: unknown; did you mean trusted_keys?"
    ]


def test_trusted_keys_are_rules_and_the_signing_key_is_not(tmp_path: Path) -> None:
    (tmp_path / "floe.pub").write_bytes(keys.SigningKey.new().pem())

    plain = load(tmp_path, manifest()).policy.digest
    signed = load(tmp_path, signing("file:floe.key")).policy.digest
    trusted = load(tmp_path, trusting("floe.pub")).policy.digest

    assert plain == signed
    assert plain != trusted


def test_adopted_entries_are_rules(tmp_path: Path) -> None:
    (tmp_path / "floe.pub").write_bytes(keys.SigningKey.new().pem())
    adopting = f'ledger: {{trusted_keys: [floe.pub], adopted: ["prod#7=sha256:{"a" * 64}"]}}\n'

    config = load(tmp_path, manifest(rest=adopting))

    assert [str(each) for each in config.ledger.adopted] == [f"prod#7 sha256:{'a' * 64}"]
    assert config.policy.digest != load(tmp_path, trusting("floe.pub")).policy.digest


@pytest.mark.parametrize(
    ("ledger", "message"),
    [
        (
            "{signing: {key: 'file:floe.key'}, adopted: [prod]}",
            "ledger.adopted[0]: 'prod' is not an anchor: write an environment, a number and the "
            "whole digest, like prod#7=sha256:…",
        ),
        (
            f"{{adopted: ['prod#7=sha256:{'a' * 64}']}}",
            "ledger.adopted: needs ledger.signing or ledger.trusted_keys",
        ),
    ],
)
def test_adopted_entries_without_effect_are_refused(
    tmp_path: Path, ledger: str, message: str
) -> None:
    assert problems(tmp_path, manifest(rest=f"ledger: {ledger}\n")) == [message]


def current(settings: str) -> str:
    return manifest(rest=f"ledger: {{signing: {{key: 'file:floe.key', current: {settings}}}}}\n")


def test_current_state_is_stated_for_36_hours_with_one_earlier_version(tmp_path: Path) -> None:
    config = load(tmp_path, current("{}"))

    assert config.ledger.signing is not None
    assert config.ledger.signing.current is not None
    assert (config.ledger.signing.current.keep, config.ledger.signing.current.valid) == (1, 129600)


@pytest.mark.parametrize("settings", ["{keep: -1}", "{valid: 30m}", "{keep: '1'}", "{days: 1}"])
def test_unusable_settings_of_the_current_state_are_refused(tmp_path: Path, settings: str) -> None:
    with pytest.raises(ConfigError):
        load(tmp_path, current(settings))


def test_bundles_are_always_written(tmp_path: Path) -> None:
    rest = "ledger: {signing: {key: 'file:floe.key', formats: [legacy]}}\n"

    assert problems(tmp_path, manifest(rest=rest)) == [
        "ledger.signing.formats: needs bundle: ledger entries are always bundles"
    ]


def test_distrusted_keys_win_over_trusted_ones(tmp_path: Path) -> None:
    key = PublicKey.of_der(generate_key("ecdsa").public_key())
    (tmp_path / "floe.pub").write_text(key.public_key)
    lists = "trusted_keys: [floe.pub], distrusted_keys: [floe.pub]"

    sealing = sealing_of(load(tmp_path, manifest(rest=f"ledger: {{{lists}}}\n")))

    assert sealing.trusted is not None
    assert (sealing.distrusted, sealing.trusted.listed()) == ((key,), ())


def test_distrusted_keys_alone_have_no_effect(tmp_path: Path) -> None:
    key = PublicKey.of_der(generate_key("ecdsa").public_key())
    (tmp_path / "floe.pub").write_text(key.public_key)
    text = manifest(rest="ledger: {distrusted_keys: [floe.pub]}\n")

    assert "needs ledger.signing or ledger.trusted_keys" in str(problems(tmp_path, text))
