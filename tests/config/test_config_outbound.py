"""The settings of audit backends and webhooks."""

from pathlib import Path

import pytest

from tests.config.manifest_files import load, manifest, problems


def test_audit_backend_is_oci_s3_database_or_a_plugin(tmp_path: Path) -> None:
    def audit(text: str) -> object:
        promotion = f"audit: {text}" if text else ""
        return load(tmp_path, manifest(promotion=promotion), PASSWORD="x").audit.model_dump()

    assert audit("") == {"backend": "oci"}
    assert audit("{backend: s3, url: 's3://bucket/prefix'}") == {
        "backend": "s3",
        "url": "s3://bucket/prefix",
        "options": {},
    }
    assert audit("{backend: splunk, options: {index: floe}}") == {
        "backend": "splunk",
        "options": {"index": "floe"},
    }
    database = load(tmp_path, manifest(promotion="audit: {backend: database, path: a.db}")).audit
    assert database.model_dump()["path"] == tmp_path / "a.db"


@pytest.mark.requirement("FR-040")
@pytest.mark.requirement("FR-041")
def test_webhook_gets_promotions_and_rollbacks_and_resolved_secrets(
    tmp_path: Path,
) -> None:
    promotion = """
    webhooks:
      - url: https://hooks.example.com/${PATH_SECRET}
        headers: {Authorization: "Bearer ${TOKEN}", X-Team: platform}
        secret: ${SIGNING}
    """
    config = load(
        tmp_path, manifest(promotion=promotion), TOKEN="t0k3n", SIGNING="s1gn", PATH_SECRET="p4th"
    )

    (hook,) = config.webhooks
    assert hook.events == ("promote", "rollback")
    assert (hook.timeout_seconds, hook.retry_count) == (30, 3)
    assert hook.url.get_secret_value() == "https://hooks.example.com/p4th"
    assert hook.headers["Authorization"].get_secret_value() == "Bearer t0k3n"
    assert hook.headers["X-Team"].get_secret_value() == "platform"
    assert hook.secret is not None
    assert hook.secret.get_secret_value() == "s1gn"
    assert not [secret for secret in ("t0k3n", "s1gn", "p4th") if secret in repr(config)]


def test_cdevents_are_for_promotions_and_rollbacks(tmp_path: Path) -> None:
    def webhook(events: str) -> str:
        fields = f"url: 'https://events.example.com', format: cdevents{events}"
        return manifest(promotion=f"webhooks: [{{{fields}}}]")

    (hook,) = load(tmp_path, webhook("")).webhooks
    (found,) = problems(tmp_path, webhook(", events: [promote, lock]"))

    assert (hook.format, hook.events) == ("cdevents", ("promote", "rollback"))
    assert "format cdevents has no event for lock: list promote and rollback only" in found


def test_misspelled_backend_is_parsed_as_a_plugin(tmp_path: Path) -> None:
    text = manifest(promotion="audit: {backend: databse, path: audit.db}")

    (found,) = problems(tmp_path, text)

    assert found == "artifacts.promotion.audit.path: unknown; known: backend, options"


@pytest.mark.requirement("FR-040")
@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ("{}", "url: is missing"),
        ("{url: 'ftp://h.example'}", "url: must be a URL that starts with https:// or http://"),
        ("{url: 'https://u:p@h.example'}", "url: must not contain a user name or password"),
        ("{url: 'https://h.example', events: [deploy]}", "events[0]: must be 'promote', "),
        ("{url: 'https://h.example', events: []}", "events: is empty: name at least one"),
        ("{url: 'https://h.example', headers: {a b: c}}", "headers.a b: is not the name of an"),
        ("{url: 'https://h.example', headers: {A: '${BROKEN}'}}", "headers.A: the environment "),
        ("{url: 'https://h.example', headers: {A: \"a\\nb\"}}", "headers.A: contains control char"),
        ("{url: 'https://h.example', retry_count: 11}", "retry_count: must be at most 10"),
        ("{url: 'https://h.example', timeout_seconds: 0}", "timeout_seconds: must be at least 1"),
    ],
)
def test_invalid_webhook_is_refused(tmp_path: Path, hook: str, said: str) -> None:
    text = manifest(promotion=f"webhooks: [{hook}]")

    (found,) = problems(tmp_path, text, BROKEN="a\nb")

    assert found.startswith(f"artifacts.promotion.webhooks[0].{said}")
