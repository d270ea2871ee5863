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
    ("What would happen?", "floe platform promote v1.2.2 --from dev --to staging --dry-run", 0),
    ("Do it.", "floe platform promote v1.2.2 --from dev --to staging", 0),
    ("And on to production.", "floe platform promote v1.2.2 --to prod", 0),
    ("Skipping an environment is refused.", "floe platform promote v1.2.3 --from dev --to prod", 9),
    ("The next version follows.", "floe platform promote v1.2.3 --to staging", 0),
    (
        "Production is frozen for an incident.",
        "floe platform lock --env prod --reason 'INC-42: checkout is slow' --for 2h",
        0,
    ),
    ("So nothing goes there.", "floe platform promote v1.2.3 --to prod", 13),
    (
        "It is over.",
        "floe platform unlock --env prod --reason 'INC-42 is resolved'",
        0,
    ),
    ("Now it goes.", "floe platform promote v1.2.3 --to prod", 0),
    (
        "It was not a good idea. What would going back undo?",
        "floe platform rollback v1.2.2 --env prod --reason 'INC-43: 5xx' --dry-run",
        0,
    ),
    ("Go back.", "floe platform rollback v1.2.2 --env prod --reason 'INC-43: 5xx'", 0),
    ("What runs where, and what happened?", "floe platform status --history 12", 0),
    ("Can the records be believed?", "floe platform audit verify", 0),
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
    # One stream, so that what is said while waiting stands where it was said.
    done = subprocess.run(shlex.split(command), cwd=PLATFORM, env=environ, stderr=subprocess.STDOUT)
    if done.returncode != expected:
        print(f"This should have ended with {expected} and ended with {done.returncode}.")
        return False
    if expected:
        print(f"(exit code {expected}, as it should be)", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
