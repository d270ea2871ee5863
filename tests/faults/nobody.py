"""Run commands as a user without write access, after a permitted run loaded every module."""

import json
import os
import sys

from click.testing import CliRunner

from cli.main import floe

NOBODY = 65534


def main(allowed: str, denied: str, *commands: str) -> None:
    for line in commands:
        _run(line, allowed)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    print(json.dumps([_run(line, denied) for line in commands]))


def _run(line: str, manifest: str) -> tuple[int, str, str]:
    words = [*line.split(), "--manifest", manifest]
    ended = CliRunner().invoke(floe, words, standalone_mode=False)
    if ended.exception is not None:
        raise ended.exception
    return int(ended.return_value or 0), ended.stdout, ended.stderr


if __name__ == "__main__":
    main(*sys.argv[1:])
