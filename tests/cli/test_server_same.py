"""Every command answers the same through a server: same text, JSON and exit code."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from tests.builders import image
from tests.cli.serving import serving, write_manifest
from tests.peers import raw
from tests.peers.oidc_provider import oidc_provider
from tests.scenarios.commands import Finished, Floe

pytestmark = [pytest.mark.requirement("FR-031"), pytest.mark.timeout(600)]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
JSON = ("--output", "json")
ALLOWED = ("--allow-older", "--reason", "for the old line")
# The order matters: each command uses the results of earlier ones.
COMMANDS: dict[str, tuple[str, ...]] = {
    "dry run": ("promote", "v1.0.0", "--to", "staging", "--dry-run"),
    "dry run as JSON": ("promote", "v1.0.0", "--to", "staging", "--dry-run", *JSON),
    "dry run with gates": ("promote", "v1.0.0", "--to", "staging", "--dry-run", "--run-gates"),
    "promote": ("promote", "v1.0.0", "--to", "staging"),
    "promote again": ("promote", "v1.0.0", "--to", "staging"),
    "promote as JSON": ("promote", "v1.1.0", "--to", "staging", *JSON),
    "promote again as JSON": ("promote", "v1.1.0", "--to", "staging", *JSON),
    "versions": ("versions", "--limit", "2"),
    "versions as JSON": ("versions", "--env", "staging", *JSON),
    "versions of nowhere": ("versions", "--env", "moon", *JSON),
    "diff": ("diff", "v1.0.0", "v1.1.0"),
    "diff as JSON": ("diff", "v1.1.0", "v0.9.0", *JSON),
    "diff with no version": ("diff", "v1.1.0", "v9.9.9", *JSON),
    "no version": ("promote", "v9.9.9", "--to", "staging", *JSON),
    "no environment": ("promote", "v1.0.0", "--to", "moon", *JSON),
    "skipped step": ("promote", "v1.0.0", "--from", "dev", "--to", "prod"),
    "rollback dry run": ("rollback", "v1.0.0", "--env", "staging", "--reason", "x", "--dry-run"),
    "dry run without reason": ("rollback", "v1.0.0", "--env", "staging", "--dry-run", *JSON),
    "rollback": ("rollback", "v1.0.0", "--env", "staging", "--reason", "INC-1"),
    "rollback to the same": ("rollback", "v1.0.0", "--env", "staging", "--reason", "INC-1", *JSON),
    "never promoted": ("rollback", "v9.0.0", "--env", "staging", "--reason", "x"),
    "lock": ("lock", "--env", "staging", "--reason", "INC-2", "--for", "2h"),
    "lock again": ("lock", "--env", "staging", "--reason", "INC-3", *JSON),
    "lock for nonsense": ("lock", "--env", "prod", "--reason", "x", "--for", "soon"),
    "locked": ("promote", "v1.2.0", "--to", "staging"),
    "locked dry run": ("promote", "v1.2.0", "--to", "staging", "--dry-run", *JSON),
    "unlock": ("unlock", "--env", "staging", "--reason", "over", *JSON),
    "unlock again": ("unlock", "--env", "staging", "--reason", "over"),
    "restore without drift": ("restore", "--env", "staging", "--reason", "x"),
    "restore as JSON": ("restore", "--env", "staging", *JSON),
    "restore of nothing": ("restore", "--env", "prod"),
    "acknowledge nothing": ("audit", "acknowledge", "9", "--env", "prod", "--reason", "x", *JSON),
    "rolled back": ("promote", "v1.1.0", "--to", "prod"),
    "override": ("promote", "v1.1.0", "--to", "prod", "--override-rollback", "--reason", "fixed"),
    "older": ("promote", "v0.9.0", "--to", "staging"),
    "older dry run": ("promote", "v0.9.0", "--to", "staging", "--dry-run", *ALLOWED),
    "older allowed": ("promote", "v0.9.0", "--to", "staging", *ALLOWED, *JSON),
    "reason alone": ("promote", "v1.2.0", "--to", "staging", "--reason", "why not"),
    "no change": ("approve", "c-none", *JSON),
    "changes": ("changes",),
    "status": ("status", "--history", "3"),
    "status as YAML": ("status", "--env", "dev", "--format", "yaml"),
    "status as JSON": ("status", "--history", "2", *JSON),
    "status of nowhere": ("status", "--env", "moon", *JSON),
    "audit verify": ("audit", "verify"),
    "audit verify as JSON": ("audit", "verify", "--env", "staging", "--policy", "current", *JSON),
    "audit verify with anchors": (
        *("audit", "verify", "--anchor", f"prod#1=sha256:{'a' * 64}"),
        *("--full", "--anchor", f"staging#99=sha256:{'a' * 64}"),
    ),
    "audit of a wrong anchor": ("audit", "verify", "--anchor", "prod", *JSON),
    "audit history": ("audit", "history", "--kind", "promotion"),
    "audit history as JSON": ("audit", "history", "--limit", "2", *JSON),
    "audit history searched": ("audit", "history", "--search", "V1.", *JSON),
    "audit history as lines": ("audit", "history", "--limit", "0", "--output", "jsonl"),
    "audit of nonsense": ("audit", "history", "--since", "soon", *JSON),
    "webhooks": ("webhooks",),
    "webhooks as JSON": ("webhooks", *JSON),
    "no delivery": ("webhooks", "--redeliver", "none", *JSON),
    "webhooks again": ("webhooks", "--redeliver", "all"),
    "sync": ("sync",),
    "sync as JSON": ("sync", *JSON),
}
_VARYING = (
    # A server accepts a request first and carries it out later.
    (r'"requested_at": ?(null|"[^"]*")', "<asked>"),
    (r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>"),
    (r"\bc-[0-9a-f]{8}\b", "<change>"),
    (r"sha256:[0-9a-f]{12,64}", "<digest>"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( UTC|Z|\+00:00)?", "<time>"),
    (r'"duration_ms": ?\d+', "<duration>"),
    (r"(in|takes) \d+\.\d s", "<duration>"),
    (r'"seconds_undone": ?\d+', "<span>"),
    (r"\d+:\d\d:\d\d since", "<span>"),
    (r"tests/[a-z]+-[0-9a-f]+", "<repository>"),
    (r" +", " "),
)


@pytest.fixture(scope="module")
def answers(
    tmp_path_factory: pytest.TempPathFactory, registry_host: str
) -> Iterator[dict[str, tuple[Finished, Finished]]]:
    """Run each command locally, and on an equal platform through its server."""
    folder = tmp_path_factory.mktemp("same")
    with oidc_provider(folder) as provider:
        token = provider.id_token("bob")
        here, there = folder / "here", folder / "there"
        for place in (here, there):
            repository = f"tests/same-{abs(hash(str(place))):x}"
            write_manifest(place, f"oci://{registry_host}/{repository}", provider.issuer)
            for version in ("v0.9.0", "v1.0.0", "v1.1.0", "v1.2.0"):
                raw.push(registry_host, repository, image(version.encode()), f"{version}-dev")
        traced = {"TRACEPARENT": f"00-{TRACE}-00f067aa0ba902b7-01"}
        local = Floe(here, {"FLOE_ID_TOKEN": token, **traced})
        with serving(there) as server:
            remote = server.client(folder / "ci", token, **traced)
            with ThreadPoolExecutor(2) as beside:
                ours, theirs = beside.map(run_all, (local, remote))
            yield {name: (ours[name], theirs[name]) for name in COMMANDS}


def run_all(floe: Floe) -> dict[str, Finished]:
    """Run all commands in order."""
    return {name: floe.run("platform", *command) for name, command in COMMANDS.items()}


@pytest.mark.parametrize("name", COMMANDS)
def test_answer_is_the_same_locally_and_through_a_server(
    answers: dict[str, tuple[Finished, Finished]], name: str
) -> None:
    local, remote = answers[name]

    assert remote.code == local.code
    assert normalize(remote.out) == normalize(local.out)
    # A change shows the progress of gates; a dry run only shows their results.
    if "--run-gates" not in COMMANDS[name]:
        assert normalize(remote.err) == normalize(local.err)


def normalize(text: str) -> str:
    """Remove differences between two runs, and fields that only open changes have."""
    with suppress(ValueError):
        text = json.dumps(_plain(json.loads(text)), indent=1)
    for pattern, instead in _VARYING:
        text = re.sub(pattern, instead, text)
    return text


def _plain(document: Any) -> Any:
    match document:
        case {"change_id": _, **rest}:
            details = (rest.get("error") or {}).get("details", {})
            for only in ("change_id", "state"):
                details.pop(only, None)
            return rest
        case _:
            return document
