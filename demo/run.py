"""`make demo`: a whole promotion on an embedded registry, command by command."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from demo.seed import seed

ROOT = Path(__file__).parents[1]
PLATFORM = ROOT / ".demo"
# What is run, and the exit code it must end with.
STEPS: tuple[tuple[str, str, int], ...] = (
    ("What would happen?", "floe platform promote v1.2.3 --from dev --to staging --dry-run", 0),
    ("Do it.", "floe platform promote v1.2.3 --from dev --to staging", 0),
    ("And on to production.", "floe platform promote v1.2.3 --to prod", 0),
    ("Skipping an environment is refused.", "floe platform promote v1.2.2 --from dev --to prod", 9),
    ("What runs where, and what happened?", "floe platform status --history 5", 0),
)


def main() -> int:
    shutil.rmtree(PLATFORM, ignore_errors=True)
    PLATFORM.mkdir()
    shutil.copy(ROOT / "manifest.yaml", PLATFORM)
    seed(PLATFORM / "registry")
    print("An embedded registry holds v1.2.2-dev and v1.2.3-dev, as a build published them.")
    for title, command, expected in STEPS:
        if not _run(title, command, expected):
            return 1
    print(f"\nThat was floe. The registry is an OCI image layout: {PLATFORM.name}/registry")
    return 0


def _run(title: str, command: str, expected: int) -> bool:
    print(f"\n# {title}\n$ {command}", flush=True)
    environ = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    }
    done = subprocess.run(shlex.split(command), cwd=PLATFORM, env=environ)
    if done.returncode != expected:
        print(f"This should have ended with {expected} and ended with {done.returncode}.")
        return False
    if expected:
        print(f"(exit code {expected}, as it should be)", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
