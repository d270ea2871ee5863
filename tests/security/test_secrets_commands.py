"""No secret of a command appears in its output, files, requests or messages."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import image
from tests.peers.canaries import leaks
from tests.security.outside import CANARIES, V1, Outside, outside

pytestmark = pytest.mark.timeout(600)
JSON = ("--output", "json")


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Outside]:
    with outside(tmp_path, ("v0.0.0", V1), ("v1.0.0", image(b"two"))) as running:
        yield running


def used(platform: Outside) -> dict[str, bool]:
    """Return whether the platform used each kind of secret."""
    hooks = platform.others.seen("POST", "/hook$")
    spans = platform.others.seen("POST", "/v1/traces$")
    asked = platform.registry.seen("GET", "/token$")
    wrote = platform.registry.seen("PUT", "/manifests/")
    return {
        "hook": any("canary-hook-header" in r.headers["authorization"] for r in hooks),
        "signature": any("webhook-signature" in r.headers for r in hooks),
        "collector": any("canary" in r.headers.get("authorization", "") for r in spans),
        "password": any(r.headers.get("authorization", "").startswith("Basic ") for r in asked),
        "bearer": any("canary-bearer-" in r.headers.get("authorization", "") for r in wrote),
    }


def test_no_command_or_failure_shows_a_secret(platform: Outside) -> None:
    token, run = platform.token(), platform.run
    promoted = run(token, "platform", "promote", "v0.0.0", "--to", "staging", *JSON)
    codes = [
        run(token, *words).code
        for words in (
            ("platform", "promote", "v0.0.0", "--to", "staging"),
            ("platform", "promote", "v0.0.0", "--to", "staging", "--dry-run", *JSON),
            ("platform", "promote", "v1.0.0", "--to", "staging"),
            ("platform", "promote", "v0.0.0", "--to", "prod", *JSON),
            ("platform", "promote", "v9.9.9", "--to", "staging"),
            ("platform", "lock", "--env", "staging", "--reason", "INC-1"),
            ("platform", "status"),
            ("platform", "rollback", "v0.0.0", "--env", "staging", "--reason", "INC-2"),
            ("platform", "sync", *JSON),
            ("platform", "audit", "verify", *JSON),
            ("platform", "audit", "history", "--output", "jsonl"),
            ("platform", "webhooks"),
            ("artifact", "verify", "v0.0.0"),
            ("artifact", "pull", "v0.0.0", "--to", "pulled"),
        )
    ]
    signed = {"an ID token": token.rpartition(".")[2]}

    found = leaks(platform.places(), CANARIES | signed)

    assert promoted.code == 0, promoted.err
    assert [each["status"] for each in promoted.document["registry_sync"]] == ["synced"]
    assert set(used(platform).values()) == {True}, used(platform)
    assert codes[0] == 0
    assert 8 in codes
    assert found == []


WRONG = {"the wrong one": "canary-wrong-password"}
FAULTS = (
    ({"REGISTRY_PASSWORD": "canary-wrong-password"}, "refused the user name or password"),
    ({"MIRROR_PASSWORD": "canary-wrong-password"}, "the secondary registry"),
    ({"HOOK_URL": "canary-wrong-password"}, "promotion.webhooks[0].url"),
    ({"HOOK_URL": "ftp://u:canary-wrong-password@h"}, "promotion.webhooks[0].url"),
    ({"HOOK_SECRET": "whsec_canary-wrong-password é"}, "is not base64 behind it"),
    ({"HOOK_TOKEN": "canary-wrong-password\r\nX-Evil: 1"}, "promotion.webhooks[0].headers"),
    ({"FLOE_ID_TOKEN": "canary-wrong-password"}, "the OIDC token is not a signed"),
    ({"FLOE_SERVER": "http://u:canary-wrong-password@127.0.0.1:1"}, "FLOE_SERVER"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1/canary-wrong-password"}, "no collector"),
    ({"OTEL_EXPORTER_OTLP_HEADERS": "canary-wrong-password"}, "OTEL_EXPORTER_OTLP_HEADERS"),
)


def test_invalid_secret_is_not_shown_in_its_error(platform: Outside) -> None:
    words = ("platform", "promote", "v0.0.0", "--to", "staging", *JSON)
    said = []
    for environ, expected in FAULTS:
        ended = platform.run(platform.token(), *words, **environ)
        said.append((expected, expected in ended.out + ended.err, ended.out + ended.err))

    found = leaks(platform.places(), CANARIES | WRONG)

    assert found == []
    assert [(expected, text) for expected, there, text in said if not there] == []
    assert not any("Traceback" in text for _, _, text in said)
