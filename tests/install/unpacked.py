"""
Builds the Dockerfile without a container engine, over this machine's own files, with `unshare`.

`python -m tests.install.unpacked PROJECT STATE MANIFEST` builds it, and prints as JSON the output
of the image's commands, run as its user on a read-only root file system.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.install.dockerfile import Stage, stages
from tests.peers.loopback import free_port

_LAYERS = Path("/mnt")
_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


def main(project: Path, state: Path, manifest: Path) -> None:
    _mount("-t", "tmpfs", "-o", "size=3g", "none", str(_LAYERS))
    roots: dict[str, Path] = {}
    for stage in stages(project / "Dockerfile"):
        roots[stage.name] = _built(stage, project, roots)
    final = roots["final"]
    (final / "etc/floe").mkdir()
    shutil.copy(manifest, final / "etc/floe/manifest.yaml")
    _mount("--bind", str(state), str(final / "var/lib/floe"))
    _mount("-t", "tmpfs", "-o", "mode=1777", "none", str(final / "tmp"))
    _mount("-o", "remount,ro", str(final))
    print(json.dumps(_tried(final, stage)))


def _built(stage: Stage, project: Path, roots: dict[str, Path]) -> Path:
    parts = [_LAYERS / stage.name / part for part in ("upper", "work", "root")]
    for part in parts:
        part.mkdir(parents=True)
    upper, work, root = parts
    _mount("-t", "overlay", "none", "-o", f"lowerdir=/,upperdir={upper},workdir={work}", str(root))
    _like_the_base_image(root)
    for word, rest, workdir in stage.steps:
        (root / workdir.lstrip("/")).mkdir(parents=True, exist_ok=True)
        if word == "COPY":
            _copy(rest.split(), root, workdir, project, roots)
        else:
            _in(root, stage, ["sh", "-c", rest], workdir, check=True)
    return root


def _like_the_base_image(root: Path) -> None:
    """Put the base image's python on the path, readable for every user."""
    for kept in ("dev", "proc"):
        _mount("--rbind", f"/{kept}", str(root / kept))
    python = root / "usr/local/bin/python"
    python.unlink(missing_ok=True)
    # Not a link: python looks for its library beside the name of its executable.
    python.write_text(f'#!/bin/sh\nexec {Path(sys.executable).resolve()} "$@"\n')
    python.chmod(0o755)
    (root / "root").chmod(0o755)


def _copy(
    words: list[str], root: Path, workdir: str, project: Path, roots: dict[str, Path]
) -> None:
    base = project
    if words[0].startswith("--from="):
        base = roots[words.pop(0).removeprefix("--from=")]
    *sources, target = words
    to = root / workdir.lstrip("/") / target.lstrip("/" if target.startswith("/") else "")
    if target.startswith("/"):
        to = root / target.lstrip("/")
    for source in sources:
        found = base / source.lstrip("/")
        if found.is_dir():
            shutil.copytree(found, to, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy(found, to)


def _tried(root: Path, stage: Stage) -> dict[str, object]:
    floe = stage.entrypoint
    said: dict[str, object] = {"labels": stage.labels}
    sbom = stage.labels["dev.floe.sbom.path"]
    tries = {
        "help": [*floe, "--help"],
        "promote": [*floe, "platform", "promote", "v1.0.0", "--to", "staging", "--output", "json"],
        "who": ["python", "-c", "import os; print(os.getuid(), os.getgid())"],
        "write": ["python", "-c", "open('/opt/floe/x', 'w')"],
        "database": ["python", "-c", "import psycopg; print(psycopg.pq.__impl__)"],
        "tools": ["python", "-c", "import pytest"],
        "sbom": ["cat", sbom],
    }
    for name, argv in tries.items():
        ran = _in(root, stage, argv, stage.workdir)
        said[name] = [ran.returncode, ran.stdout, ran.stderr]
    said["serve"] = _served(root, stage)
    return said


def _served(root: Path, stage: Stage) -> list[object]:
    """Return the exit codes of the health check and of the image's own command."""
    # The port of the image may be taken on this machine.
    port = str(free_port())
    argv = [*stage.entrypoint, *stage.command, "--port", port]
    asked = [word.replace(":8080/", f":{port}/") for word in stage.healthcheck]
    with subprocess.Popen(_entered(root, stage, argv), env=_environ(stage)) as server:
        for _ in range(300):
            healthy = _in(root, stage, asked, stage.workdir).returncode
            if healthy == 0 or server.poll() is not None:
                break
            time.sleep(0.2)
        server.send_signal(signal.SIGTERM)
        return [healthy, server.wait(60)]


def _in(
    root: Path, stage: Stage, argv: list[str], workdir: str, *, check: bool = False
) -> subprocess.CompletedProcess[str]:
    user = "0:0" if check else stage.user
    command = _entered(root, stage, argv, user, workdir)
    output = None if check else subprocess.PIPE
    out = sys.stderr if check else output
    return subprocess.run(
        command, check=check, stdout=out, stderr=output, text=True, env=_environ(stage), timeout=600
    )


def _entered(
    root: Path, stage: Stage, argv: list[str], user: str | None = None, workdir: str | None = None
) -> list[str]:
    # `cd` inside, since the directory exists only there; `exec`, so that signals arrive.
    return [
        "chroot",
        f"--userspec={user or stage.user}",
        str(root),
        "sh",
        "-c",
        'cd "$0" && exec "$@"',
        workdir or stage.workdir,
        *argv,
    ]


def _environ(stage: Stage) -> dict[str, str]:
    base = {"PATH": _PATH, "HOME": "/nonexistent"}
    # The package sources of this machine are not part of the image.
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    own = {name: value.replace("$PATH", _PATH) for name, value in stage.environ.items()}
    return {**base, **pip, **own}


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
