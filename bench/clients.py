"""Other tools that add a tag to a manifest, as a script would do without floe."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.peers.go import BIN

# Adds a tag to a tagged manifest. Arguments: `host/repository`, tag, new tag.
Client = Callable[[str, str, str], None]


def taggers() -> dict[str, Client]:
    """Return the installed tools; `make peers` builds crane and oras if Go is installed."""
    return {
        "skopeo copy": skopeo,
        **({"crane tag": _crane} if (BIN / "crane").exists() else {}),
        **({"oras tag": _oras} if (BIN / "oras").exists() else {}),
    }


def skopeo(repository: str, tag: str, new: str) -> None:
    plain = ["--src-tls-verify=false", "--dest-tls-verify=false"]
    _skopeo(*plain, f"docker://{repository}:{tag}", f"docker://{repository}:{new}")


def skopeo_on_a_layout(root: Path, tag: str, new: str) -> None:
    _skopeo(f"oci:{root}:{tag}", f"oci:{root}:{new}")


def oras_on_a_layout(root: Path, tag: str, new: str) -> None:
    _run(str(BIN / "oras"), "tag", "--oci-layout", f"{root}:{tag}", new)


def _skopeo(*arguments: str) -> None:
    _run("skopeo", "--insecure-policy", "copy", "-q", "--preserve-digests", *arguments)


def _crane(repository: str, tag: str, new: str) -> None:
    _run(str(BIN / "crane"), "tag", "--insecure", f"{repository}:{tag}", new)


def _oras(repository: str, tag: str, new: str) -> None:
    _run(str(BIN / "oras"), "tag", "--plain-http", f"{repository}:{tag}", new)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=60, capture_output=True)
