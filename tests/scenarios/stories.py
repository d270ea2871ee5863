"""A platform on a real registry, and command lines as documented."""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.builders import Artifact, image
from tests.peers import raw
from tests.peers.fake_issuer import FakeIssuer
from tests.peers.signing import SigningKey, claims
from tests.scenarios.commands import Finished, Floe

_MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci://%(registry)s", verification: %(verification)s}
  promotion:
    environments: [%(environments)s]
    %(promotion)s
%(identity)s
"""


@dataclass(frozen=True)
class Story:
    """A platform in `folder` whose registry is the repository at `host`."""

    folder: Path
    host: str
    repository: str

    def configure(
        self,
        environments: str = "{name: dev}, {name: staging}, {name: prod}",
        promotion: str = "",
        verification: str = "{enforcement: 'off'}",
        identity: str = "",
    ) -> None:
        (self.folder / "manifest.yaml").write_text(
            _MANIFEST
            % {
                "registry": f"{self.host}/{self.repository}",
                "verification": verification,
                "environments": environments,
                "promotion": promotion,
                "identity": identity,
            }
        )

    def publish(self, version: str, **content: object) -> Artifact:
        """Publish `version` as a build does, with a tag of dev."""
        layer = json.dumps({"release": version, **content}).encode()
        artifact = image(layer, layer_type="application/json")
        raw.push(self.host, self.repository, artifact, f"{version}-dev")
        return artifact

    def type(self, line: str, token: str = "") -> Finished:
        """Run a command line, as the holder of `token` if given."""
        return self._floe(token).run(*shlex.split(line)[1:])

    def answer(self, line: str, typed: str) -> Finished:
        """Run a command line at a terminal, and answer its prompt with `typed`."""
        return self._floe().run_at_terminal(f"{typed}\n", *shlex.split(line)[1:])

    def records(self, environment: str) -> list[dict[str, Any]]:
        """Return the records of the ledger, newest first."""
        ended = self.type(f"floe platform audit history --env={environment} --output=json")
        found: list[dict[str, Any]] = ended.document["records"]
        return found

    def digest(self, tag: str) -> str | None:
        return raw.digest(self.host, self.repository, tag)

    def tags(self) -> set[str]:
        return raw.tags(self.host, self.repository)

    def _floe(self, token: str = "") -> Floe:
        return Floe(self.folder, {"FLOE_ID_TOKEN": token} if token else {})


@dataclass(frozen=True)
class Company:
    """An OpenID issuer for people of acme.com and their groups."""

    issuer: str
    key: SigningKey

    @property
    def identity(self) -> str:
        """Return the section of manifest.yaml that admits them."""
        rules = "audience: floe, operator_claim: email, allowed_domains: [acme.com]"
        return f'identity: {{oidc: [{{issuer: "{self.issuer}", {rules}}}]}}'

    def token(self, name: str, *groups: str) -> str:
        said = {"email": f"{name}@acme.com", "email_verified": True, "groups": groups}
        return self.key.sign(claims(self.issuer, sub=name, **said))


@contextmanager
def company() -> Iterator[Company]:
    key = SigningKey.new()
    with FakeIssuer(key) as issuer:
        yield Company(issuer.issuer, key)
