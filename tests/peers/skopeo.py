"""The real skopeo, as an independent client that pushes and reads."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.builders import Artifact
from tests.peers import oci_layout


def push(
    host: str,
    repository: str,
    artifact: Artifact,
    tag: str,
    credentials: str | None = None,
) -> None:
    """Push `artifact`, bytes unchanged, to `host/repository:tag`; credentials `user:password`."""
    with tempfile.TemporaryDirectory() as folder:
        oci_layout.write(Path(folder) / "source", artifact, "pushed")
        login = ["--dest-creds", credentials] if credentials else ["--dest-no-creds"]
        _run(
            "copy",
            "--preserve-digests",
            "--all",
            "--dest-tls-verify=false",
            *login,
            f"oci:{folder}/source:pushed",
            f"docker://{host}/{repository}:{tag}",
        )


def inspect(host: str, repository: str, reference: str) -> dict[str, Any]:
    """Return skopeo's description of `reference`, which is `tag` or `sha256:…`."""
    separator = "@" if reference.startswith("sha256:") else ":"
    text = _run(
        "inspect",
        "--no-creds",
        "--tls-verify=false",
        f"docker://{host}/{repository}{separator}{reference}",
    )
    found: dict[str, Any] = json.loads(text)
    return found


def _run(*arguments: str) -> bytes:
    command = ["skopeo", "--insecure-policy", *arguments]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode()}")
    return done.stdout
