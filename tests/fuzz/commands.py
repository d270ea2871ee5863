"""Commands given in this process: thousands of them, where each as a process takes a second."""

import os
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from cli.main import run
from tests.scenarios.commands import INHERITED, Finished


def given(folder: Path, *arguments: str, **environ: str) -> Finished:
    """`floe` and `arguments`, in `folder`."""
    out, err = StringIO(), StringIO()
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    with (
        chdir(folder),
        surroundings(inherited | environ),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        code = run(list(arguments))
    return Finished(code, out.getvalue(), err.getvalue())


@contextmanager
def surroundings(environ: Mapping[str, str]) -> Iterator[None]:
    """With `environ` and nothing else in the environment."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def assert_fit_to_show(done: Finished) -> None:
    """No traceback, no defect of ours, and nothing that a terminal would obey."""
    for text in (done.out, done.err):
        raw = {char for char in text if not char.isprintable() and char != "\n"}
        assert raw == set(), text
        assert "Traceback" not in text
        assert "This is a defect" not in text, text
