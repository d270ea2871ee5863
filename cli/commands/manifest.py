"""The command `floe manifest check`."""

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from cli import options
from cli.output import Answer, deliver
from cli.render.common import failure, trace_line
from engine.bootstrap.adapters import policies_of
from engine.config import Installation, load_installation
from engine.domain.errors import ConfigError, PromotionError
from engine.domain.text import printable
from engine.domain.trace import trace_id
from engine.responses.common import ErrorInfo
from engine.responses.manifest import CheckedFile, FileProblem, ManifestCheckResponse


@click.command()
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
@options.output
@options.optional_file
def check(files: tuple[Path, ...], output: str, manifest: Path) -> None:
    """
    Check server files and manifests, and list all mistakes with file and line.

    A server file is checked with all its products, which need not be named too. Environment
    variables need not be set. Without FILE, the one of --manifest is checked. Exit code 0 if all
    files are valid, 2 otherwise.
    """
    trace = trace_id(os.environ.get("TRACEPARENT"))
    read = files or (options.announced(manifest),)
    deliver(output, partial(_check, read, trace), partial(_failure, trace))


def _check(files: Sequence[Path], trace: str) -> Answer:
    read: list[Installation] = []
    unread: dict[Path, ConfigError] = {}
    for file in dict.fromkeys(files):
        try:
            read.append(load_installation(file, os.environ, policies_of))
        except ConfigError as error:
            unread[file] = error
    # A product file is checked with its server file, whose defaults it needs.
    listed = {path.resolve() for each in read for path in each.files}
    read = [each for each in read if each.file.resolve() not in listed]
    errors = [error for file, error in unread.items() if file.resolve() not in listed]
    errors += [error for each in read for error in each.broken.values()]
    return _answer(read, [problem for error in errors for problem in _problems(error)], trace)


def _problems(error: ConfigError) -> Iterator[FileProblem]:
    listed: Any = error.details.get("problems") or [{"message": str(error)}]
    for each in listed:
        yield FileProblem.build(**{"file": error.details.get("file", ""), "path": "", **each})


def _answer(read: Sequence[Installation], problems: list[FileProblem], trace: str) -> Answer:
    several = len({each.file for each in problems})
    error = ConfigError(f"{_count(len(problems), 'problem')} in {_count(several, 'file')}")
    response = ManifestCheckResponse.build(
        success=not problems,
        files=[
            CheckedFile(file=str(each.file), products=tuple(filter(None, each.products)))
            for each in read
        ],
        problems=problems,
        warnings=tuple(dict.fromkeys(text for each in read for text in each.warnings)),
        trace_id=trace,
        error=ErrorInfo.of(error) if problems else None,
    )
    if problems:
        lines = [f"Not valid: {error}", *map(_line, problems), trace_line(trace)]
        return Answer(response, lines, error.exit_code, True, response.warnings)
    lines = [*map(_summary, read), trace_line(trace)]
    return Answer(response, lines, warnings=response.warnings)


def _line(problem: FileProblem) -> str:
    place = problem.file if problem.line is None else f"{problem.file}:{problem.line}"
    return printable(": ".join(filter(None, (place, problem.path, problem.message))))


def _summary(installation: Installation) -> str:
    count = f": {_count(len(installation.products), 'product')}" if installation.several else ""
    return printable(f"{installation.file} is valid{count}")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _failure(trace: str, error: PromotionError) -> Answer:
    response = ManifestCheckResponse.build(trace_id=trace, error=ErrorInfo.of(error))
    return failure("Not checked", response, error, trace)
