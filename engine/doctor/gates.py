"""Tries whether the commands of gates exist, and have their variables."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from engine.config import Config
from engine.doctor.diagnosis import Chart, Diagnosis
from engine.doctor.examination import System, Tries
from engine.domain.gate import Gate

_CHART = Chart("gates")


def gates_system(config: Config, environ: Mapping[str, str]) -> System:
    return System(_CHART.system, lambda: _tries(config, environ))


def _tries(config: Config, environ: Mapping[str, str]) -> Tries:
    gates = [(each.name, gate) for each in config.path.environments for gate in each.gates]
    commands = [(environment, gate) for environment, gate in gates if gate.argv]
    if not commands:
        yield _CHART.not_tried("commands", "no gate has a command")
        return
    folder = config.file.absolute().parent
    for (program, gate_name), environments in _programs(commands).items():
        yield _program(f"{gate_name}: {', '.join(environments)}", program, folder, environ)
    for name, gate_names in _variables(commands).items():
        if not environ.get(name):
            yield _CHART.warning(
                f"variable {name}",
                f"it is not set here, and gates name it: {', '.join(gate_names)}",
                f"Set {name} where floe runs gates, or remove it from env",
            )


def _programs(commands: list[tuple[str, Gate]]) -> dict[tuple[str, str], list[str]]:
    """The environments of each program and gate."""
    found: dict[tuple[str, str], list[str]] = {}
    for environment, gate in commands:
        found.setdefault((gate.argv[0], gate.kind.value), []).append(environment)
    return found


def _variables(commands: list[tuple[str, Gate]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for _, gate in commands:
        for name in gate.env:
            gates = found.setdefault(name, [])
            if gate.kind.value not in gates:
                gates.append(gate.kind.value)
    return found


def _program(name: str, program: str, folder: Path, environ: Mapping[str, str]) -> Diagnosis:
    if "${" in program:
        return _CHART.not_tried(name, f"{program} depends on the promotion")
    path = next(_candidates(program, folder, environ), None)
    if path is not None:
        return _CHART.passed(name, f"{program} is {path}")
    where = f"in {folder}" if os.sep in program else "in PATH"
    return _CHART.failed(
        name,
        f"{program} is not an executable file {where}",
        f"Install {program} on the machine that runs floe, or correct the command of this gate",
    )


def _candidates(program: str, folder: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Programs with a slash are relative to the manifest, others are searched in PATH."""
    if os.sep in program:
        path = folder / program
        if path.is_file() and os.access(path, os.X_OK):
            yield path
    elif found := shutil.which(program, path=environ.get("PATH")):
        yield Path(found)
