"""Helpers that write manifests to disk and load them like the command line."""

from pathlib import Path
from textwrap import dedent, indent

import pytest

from engine.config import Config, load_config
from engine.domain.errors import ConfigError

EMBEDDED = "uri: oci-layout:./registry"


def manifest(*, registry: str = EMBEDDED, promotion: str = "", rest: str = "") -> str:
    """Build a manifest from sections of YAML."""
    text = "apiVersion: floe.dev/v1\nkind: Manifest\nartifacts:\n  registry:\n"
    text += indent(dedent(registry).strip(), "    ") + "\n"
    if promotion:
        text += "  promotion:\n" + indent(dedent(promotion).strip(), "    ") + "\n"
    return text + dedent(rest)


def load(directory: Path, text: str, **environ: str) -> Config:
    path = directory / "manifest.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, environ)


def refused(directory: Path, text: str, **environ: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(directory, text, **environ).require("artifacts", "web")
    return caught.value


def problems(directory: Path, text: str, **environ: str) -> list[str]:
    """List all problems as `path: message`."""
    listed = refused(directory, text, **environ).details["problems"]
    assert isinstance(listed, list)
    return [f"{problem['path']}: {problem['message']}" for problem in listed]
