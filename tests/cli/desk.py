"""A person at a terminal with a browser, who signs in on the command line."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.builders import image
from tests.cli.serving import write_manifest
from tests.peers import oci_layout
from tests.peers.fake_provider import FakeProvider
from tests.scenarios.commands import Finished, Floe


@dataclass(frozen=True)
class Desk:
    """A person at a terminal, whose browser signs `user` in with a provider."""

    floe: Floe
    config: Path

    @property
    def file(self) -> Path:
        return self.config / "floe" / "sign-ins.json"

    @property
    def stored(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.file.read_text())
        return found

    def run(self, *arguments: str) -> Finished:
        return self.floe.run(*arguments)


def desk_in(folder: Path, user: str = "alice", **environ: str) -> Desk:
    folder.mkdir(exist_ok=True)
    config = folder / "config"
    usual = {
        "XDG_CONFIG_HOME": str(config),
        "BROWSER": f"{sys.executable} -m tests.peers.visitor {user} %s",
    }
    return Desk(Floe(folder, usual | environ), config)


@contextmanager
def desk_with_fake_provider(folder: Path) -> Iterator[tuple[Desk, FakeProvider]]:
    """Yield the desk of bob in `folder`, and the provider in its manifest."""
    with FakeProvider() as provider:
        provider.changed = {"aud": "floe"}
        oci_layout.write(folder / "registry", image(), "v1.0.0-dev")
        write_manifest(folder, "oci-layout:./registry", provider.issuer)
        yield desk_in(folder, BROWSER="curl -sL -o /dev/null %s"), provider
