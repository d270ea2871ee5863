"""Run thousands of commands in this process; as processes, each would take a second."""

import os
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from cli.main import run
from tests.scenarios.commands import INHERITED, Finished


def run_floe(folder: Path, *arguments: str, **environ: str) -> Finished:
    """Run `floe` with `arguments` in `folder`."""
    out, err = StringIO(), StringIO()
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    with (
        chdir(folder),
        environment(inherited | environ),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        code = run(list(arguments))
    return Finished(code, out.getvalue(), err.getvalue())


@contextmanager
def environment(environ: Mapping[str, str]) -> Iterator[None]:
    """Replace the environment variables by `environ`."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def assert_fit_to_show(done: Finished) -> None:
    """Assert no traceback, no internal error, and no terminal control sequence."""
    for text in (done.out, done.err):
        raw = {char for char in text if not char.isprintable() and char != "\n"}
        assert raw == set(), text
        assert "Traceback" not in text
        assert "This is a defect" not in text, text
