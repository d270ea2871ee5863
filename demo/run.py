"""`make demo`: promotions on an embedded registry, command by command."""

import shutil
import sys
from pathlib import Path

from demo.integrations import show_integrations
from demo.issuer import issuer
from demo.seed import Layout, seed
from demo.shell import Shell, UnexpectedError, change_in
from demo.signing import ReleaseKey

ROOT = Path(__file__).parents[1]
PLATFORM = ROOT / ".demo" / "commands"
_END = """
That was floe. Its files stay in .demo/commands: registries that are directories (OCI image
layouts), and the manifest.yaml of each. From here:
  look around in it  cd .demo/commands && ../../.venv/bin/floe platform status
  see it as a page   make serve-demo
  try it in Slack    make demo-slack
  use it             docs/install.md
  remove all of it   make clean"""


def main() -> int:
    shutil.rmtree(PLATFORM, ignore_errors=True)
    PLATFORM.mkdir(parents=True)
    seed(PLATFORM / "registry")
    print(
        "An embedded registry holds v1.2.2-dev, v1.2.3-dev and v1.2.4-dev: a build published them."
    )
    try:
        promote_and_roll_back(Shell(PLATFORM))
        approve(Shell(PLATFORM))
        verify(Shell(PLATFORM / "signed"))
        show_integrations(PLATFORM)
    except UnexpectedError as error:
        print(f"The demo failed: {error}")
        return 1
    print(_END)
    return 0


def promote_and_roll_back(shell: Shell) -> None:
    manifest = (ROOT / "manifest.yaml").read_text()
    (PLATFORM / "manifest.yaml").write_text(manifest.replace("# ledger:", "ledger:"))
    run = shell.run
    run("The key of the platform signs every record.", "floe keys generate")
    run(
        "A dry run shows the plan.",
        "floe platform promote v1.2.2 --from dev --to staging --dry-run",
    )
    run("Do it.", "floe platform promote v1.2.2 --from dev --to staging")
    run("And on to production.", "floe platform promote v1.2.2 --to prod")
    skip = "floe platform promote v1.2.3 --from dev --to prod"
    run("Skipping an environment is refused.", skip, 9)
    run("The next version follows.", "floe platform promote v1.2.3 --to staging")
    incident = "floe platform lock --env prod --reason 'INC-42: checkout is slow' --for 2h"
    run("Production is frozen for an incident.", incident)
    run("So nothing goes there.", "floe platform promote v1.2.3 --to prod", 13)
    run("It is over.", "floe platform unlock --env prod --reason 'INC-42 is resolved'")
    run("Now it goes.", "floe platform promote v1.2.3 --to prod")
    back = "floe platform rollback v1.2.2 --env prod --reason 'INC-43: 5xx'"
    run("It was not a good idea. A dry run shows the impact of a rollback.", f"{back} --dry-run")
    run("Go back.", back)


def approve(shell: Shell) -> None:
    """Show the same platform with approvals for production."""
    with issuer() as people:
        manifest = (ROOT / "demo/approvals.yaml").read_text()
        (PLATFORM / "manifest.yaml").write_text(manifest.replace("${ISSUER}", people.url))
        alice = {"who": "alice", "token": people.token("alice@acme.com")}
        bob = {"who": "bob", "token": people.token("bob@acme.com")}
        print("\nFrom here on production needs approval, and its tests take a moment.")
        shell.run("Alice goes on.", "floe platform promote v1.2.4 --to staging", **alice)
        again = "floe platform promote v1.2.4 --to prod"
        shell.kill("She requests production, and her machine dies.", again, 2, **alice)
        asked = shell.run("She requests it again, and floe continues.", again, 14, **alice)
        change = change_in(asked)
        decide = f"floe platform approve {change}"
        shell.run("She cannot approve her own change.", decide, 12, **alice)
        shell.run("Bob can.", decide, **bob)
        shell.run("Show the status and the history.", "floe platform status --history 12")
        shell.run("Who approved that?", "floe platform audit history --env prod --limit 1")
        shell.run("Verify the records.", "floe platform audit verify")


def verify(shell: Shell) -> None:
    """Show another platform, which promotes only signed and scanned artifacts."""
    folder = PLATFORM / "signed"
    folder.mkdir()
    layout, key = Layout(folder / "registry"), ReleaseKey()
    key.publish(folder / "release.pub")
    for name in ("evidence.yaml", "scanner.py"):
        shutil.copy(ROOT / "demo" / name, folder)
    (folder / "evidence.yaml").rename(folder / "manifest.yaml")
    for number, signed in enumerate((True, False, True)):
        digest = layout.publish(f"v2.0.{number}", {"release": number})
        if signed:
            key.sign(layout, digest)
    print("\nAnother registry holds v2.0.0 and v2.0.2, which are signed, and v2.0.1, which is not.")
    run = shell.run
    run("Who signed v2.0.0?", "floe artifact verify v2.0.0")
    run("It passes.", "floe platform promote v2.0.0 --to staging")
    run("The unsigned one does not.", "floe platform promote v2.0.1 --to staging", 6)
    run("Nor does the one with a hole.", "floe platform promote v2.0.2 --to staging", 8)


if __name__ == "__main__":
    sys.exit(main())
