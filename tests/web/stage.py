"""A complete platform with its page: real engine, gates and store, on an OCI layout."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from engine.adapters.registry.layout.files import locked
from engine.bootstrap import open_products
from engine.config import load_config
from engine.domain.change import Change
from engine.domain.identity import Claims
from engine.domain.operator import IdentitySource, Operator
from engine.domain.parsing import (
    parse_lock_request,
    parse_promotion_request,
    parse_rollback_request,
)
from engine.domain.product import UNNAMED
from engine.domain.request import LockRequest, RollbackRequest
from engine.platform import Platform
from engine.ports import NO_PROGRESS
from engine.ports.telemetry import NO_METRICS
from tests.builders import Artifact, image
from tests.manifests import manifest
from tests.peers import oci_layout
from tests.scenarios.changing import until
from web.lifecycle import WATCHERS, open_web
from web.site import Site

ALICE, BOB, CAROL = "alice@acme.com", "bob@acme.com", "carol@acme.com"
TRACE = "a" * 32
PROXY = "auth: {mode: proxy}"
RIGHTS = "lockers: [release-managers]\n  operators: [alice@acme.com, release-managers]"
FORM_TOKEN = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


@dataclass(frozen=True)
class Stage:
    """A platform. `client` is a browser without JavaScript that keeps cookies."""

    folder: Path
    platform: Platform
    app: Flask
    client: FlaskClient

    @property
    def site(self) -> Site:
        site: Site = self.app.extensions["floe"].sites[UNNAMED]
        return site

    def publish(self, *versions: str, artifact: Artifact | None = None) -> None:
        layout = self.folder / "registry"
        for version in versions:
            # A refusal may be recorded at this moment, which would undo a write without the lock.
            with locked(layout):
                oci_layout.write(layout, artifact or image(version.encode()), f"{version}-dev")

    def ask(self, version: str, target: str, who: str = ALICE) -> Change:
        """Submit a promotion and carry it out as far as possible."""
        request = parse_promotion_request(
            self.platform.engine.path, version, None, target, person(self.platform, who), TRACE
        )
        change = self.platform.changes.submit(request, "cli")
        return self.platform.progression.settle(change, NO_PROGRESS)

    def run(self, request: LockRequest | RollbackRequest) -> None:
        result = self.platform.engine.run(request, NO_PROGRESS)
        assert result.error is None, result.error

    def lock(self, target: str, reason: str = "INC-1", duration: str | None = None) -> None:
        path, who = self.platform.engine.path, person(self.platform, ALICE)
        self.run(parse_lock_request(path, target, who, TRACE, reason, duration))

    def roll_back(self, version: str, target: str, reason: str = "INC-2") -> None:
        path, who = self.platform.engine.path, person(self.platform, ALICE)
        self.run(parse_rollback_request(path, version, target, who, TRACE, reason))

    def settle(self, change_id: str) -> Change:
        change = self.platform.changes.get(change_id)
        return self.platform.progression.settle(change, NO_PROGRESS)

    def get(self, path: str, who: str | None = None, **headers: str) -> str:
        """Return the page at `path`, which must exist."""
        answer = self.client.get(path, headers=signed_in(who) | headers)
        assert answer.status_code == 200, answer.text
        return answer.text

    def audit(self) -> str:
        """Return the page of the audit, once the ledgers are verified."""
        assert until(lambda: self.site.auditor.look()[0] is not None)
        return self.get("/audit")

    def json(self, path: str, **headers: str) -> Any:
        answer = self.client.get(path, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json

    def post(self, path: str, who: str, page: str, **fields: str) -> Any:
        """Send a form as `who`, with the token of `page`."""
        found = FORM_TOKEN.search(self.get(page, who))
        token = found[1] if found else ""
        return self.client.post(path, data={"csrf": token, **fields}, headers=signed_in(who))


def signed_in(who: str | None) -> dict[str, str]:
    """Return the headers that the proxy sets."""
    return {"X-Forwarded-Email": who} if who else {}


def person(platform: Platform, name: str) -> Operator:
    claims = Claims(f"oidc:https://id.example.com#{name}", IdentitySource.OIDC, True, (name,))
    return platform.engine.directory.operator(claims)


def write_manifest(
    folder: Path,
    web: str = "",
    tests: str = "echo ran",
    oidc: str = "",
    webhooks: str = "",
    secondaries: str = "",
    scan: str = "",
) -> Path:
    file = folder / "manifest.yaml"
    file.write_text(
        manifest(
            f'tests: {{command: [sh, -c, "{tests}"]}}',
            *([f"security_scan: {{{scan}}}"] if scan else []),
            promotion=f"webhooks: [{webhooks}]\nsecondary_registries: [{secondaries}]",
            identity=f"oidc: [{oidc}]\n  {RIGHTS}",
            interfaces=f"web: {{{web}}}",
        )
    )
    return file


@contextmanager
def stage_in(
    folder: Path,
    web: str = "",
    tests: str = "echo ran",
    oidc: str = "",
    secret: str = "s3cret",
    watchers: int = WATCHERS,
    webhooks: str = "",
    secondaries: str = "",
    edit: tuple[str, str] = ("", ""),
    scan: str = "",
) -> Iterator[Stage]:
    """Build the platform in `folder`, and replace a text of its manifest by `edit`.

    `web`, `identity.oidc`, `webhooks` and `secondary_registries` are as in its manifest; prod's
    first gate runs `tests` in a shell, and `scan` is its security scan. Only the test works on
    changes.
    """
    if not (folder / "registry").exists():
        oci_layout.write(folder / "registry", image(b"nothing"))
    file = write_manifest(folder, web, tests, oidc, webhooks, secondaries, scan)
    file.write_text(file.read_text().replace(*edit))
    config = load_config(file, {"OIDC_SECRET": secret})
    with (
        open_products({UNNAMED: config}, NO_METRICS, several=False) as products,
        open_web(products, config, watchers=watchers) as app,
        app.test_client() as client,
    ):
        yield Stage(folder, products[UNNAMED], app, client)
