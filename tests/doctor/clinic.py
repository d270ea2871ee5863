"""A platform to examine with `floe doctor`, and its answer by system and try."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.scenarios.commands import Finished, Floe

MANIFEST = """\
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "%(uri)s", timeout_seconds: 5, %(registry)s}
  promotion: {environments: [{name: dev}, {name: prod, %(prod)s}], %(promotion)s}
%(more)s
"""
Row = Mapping[str, str]


@dataclass(frozen=True)
class Examined:
    """The answer of a run; `row` finds one try."""

    finished: Finished
    document: Any

    @property
    def code(self) -> int:
        return self.finished.code

    def row(self, system: str, name: str) -> Row:
        rows = [
            each
            for each in self.document["diagnoses"]
            if (each["system"], each["name"]) == (system, name)
        ]
        assert len(rows) == 1, self.document["diagnoses"]
        return rows[0]  # type: ignore[no-any-return]

    def verdict(self, system: str, name: str) -> str:
        return self.row(system, name)["verdict"]

    @property
    def failed(self) -> list[tuple[str, str]]:
        return [
            (each["system"], each["name"])
            for each in self.document["diagnoses"]
            if each["verdict"] == "failed"
        ]


def prepare(
    folder: Path,
    uri: str = "oci-layout:./registry",
    *,
    registry: str = "",
    prod: str = "",
    promotion: str = "",
    more: str = "",
    **environ: str,
) -> Floe:
    """Write a manifest; `registry`, `prod` and `promotion` are YAML for these sections."""
    parts = {"uri": uri, "registry": registry, "prod": prod, "promotion": promotion, "more": more}
    (folder / "manifest.yaml").write_text(MANIFEST % parts)
    return Floe(folder, environ)


def examine(floe: Floe, *arguments: str) -> Examined:
    finished = floe.run("doctor", "--output", "json", *arguments)
    return Examined(finished, finished.document)
