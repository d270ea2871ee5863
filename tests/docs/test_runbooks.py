"""
The runbooks are true: their commands end as they say, and print the lines that they show.

The blocks of a page are followed in order; settings go into manifest.yaml. EVENTS happen before the
first command of their section.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.docs.commands import printed_lines, runnable
from tests.docs.pages import PAGES, ROOT, RUNBOOKS, Block, blocks
from tests.docs.site import BACKUP, REGISTRY, STATE, Site, begin, site_in, use_database

pytestmark = pytest.mark.timeout(900)


def damage_both(site: Site) -> None:
    site.approve()
    (site.place(STATE) / "store.db").write_bytes(b"damaged")
    shutil.rmtree(site.place(REGISTRY) / "storage" / "docker" / "registry" / "v2" / "repositories")


def lose_state(site: Site) -> None:
    site.wipe(STATE)


def lose_database(site: Site) -> None:
    assert site.database
    site.database.execute("DROP DATABASE floe WITH (FORCE)", "postgres")


def lose_database_after_a_promotion(site: Site) -> None:
    site.approve()
    lose_database(site)


def lose_registry_after_a_promotion(site: Site) -> None:
    site.services.stop("docker-registry")
    shutil.copytree(site.place(REGISTRY), site.place(f"{BACKUP}/registry"))
    site.services.start("docker-registry")
    site.approve()
    site.services.stop("docker-registry")
    site.wipe(REGISTRY)


def lose_registry_with_a_secondary(site: Site) -> None:
    begin(site)
    site.services.start("new-registry")
    site.edit(
        "artifacts: {promotion: {secondary_registries: [{uri: 'oci://new.example.com/acme/platform'}]}}"
    )
    site.ask("platform", "sync")
    site.approve()
    site.services.stop("docker-registry")
    site.wipe(REGISTRY)


def lose_signing_key(site: Site) -> None:
    (site.folder / "keys" / "ledger.key").unlink()


def lose_machine(site: Site) -> None:
    site.approve()
    shutil.copytree(site.folder, site.place(f"{BACKUP}/etc"))
    shutil.copytree(site.place(STATE), site.place(f"{BACKUP}/state"))
    site.wipe(STATE, "/etc")
    site.folder.mkdir()


def leave_older_files(site: Site) -> None:
    """A file of an earlier version, which the first command of the new one imports."""
    site.ask("status")
    (site.place(STATE) / "heads.json").write_text('{"heads": {}}')


def start_new_registry(site: Site) -> None:
    site.services.start("new-registry")


EVENTS: dict[tuple[str, str], Callable[[Site], None]] = {
    ("backup.md", "Restore"): damage_both,
    ("lost-database.md", "Restore a dump"): lose_database_after_a_promotion,
    ("lost-database.md", "Without a dump"): lose_database,
    ("lost-key.md", "Steps"): lose_signing_key,
    ("lost-machine.md", "Steps"): lose_machine,
    ("lost-registry.md", "From a backup"): lose_registry_after_a_promotion,
    ("lost-registry.md", "From a secondary"): lose_registry_with_a_secondary,
    ("lost-state.md", "Steps"): lose_state,
    ("migrate-registry.md", "Copy"): start_new_registry,
    ("upgrade.md", "Steps"): leave_older_files,
}
AFTERWARDS: dict[str, Callable[[Site], bool]] = {
    "upgrade.md": lambda site: not (site.place(STATE) / "heads.json").exists(),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_in(tmp_path_factory.mktemp("site")) as built:
        yield built


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.name)
def test_runbook_ends_as_it_says(page: Path, site: Site, request: pytest.FixtureRequest) -> None:
    begin(site)
    if page.name == "lost-database.md":
        use_database(site, request.getfixturevalue("postgres_server"))
    events = {section: event for (name, section), event in EVENTS.items() if name == page.name}

    for block in blocks("console", "yaml"):
        if block.page == page:
            events.pop(block.section, lambda _: None)(site)
            follow(site, block)

    assert not events
    assert page.name not in AFTERWARDS or AFTERWARDS[page.name](site)


def follow(site: Site, block: Block) -> None:
    if block.kind == "yaml":
        site.edit(block.text)
        return
    output = ""
    for command in runnable(block):
        ran = site.run_line(command)
        output += ran.out
        assert ran.code == 0, f"{block}: {command.line}\n{output}"
    assert "Traceback" not in output
    left = output
    for line in printed_lines(block):
        found = re.search(_pattern(line), left, re.MULTILINE)
        assert found, f"{block} does not print {line!r}:\n{output}"
        left = left[found.end() :]


def _pattern(line: str) -> str:
    """The lines that `line` of a page stands for: `…` is any text, and spaces are any number."""
    parts = (r"\s+".join(map(re.escape, part.split())) for part in line.split("…"))
    return "^" + r".*".join(rf"\s*{part}\s*" if part else "" for part in parts)


def test_every_runbook_has_its_four_answers() -> None:
    for page in RUNBOOKS:
        text = page.read_text()
        assert re.search(r"^\*\*When\.\*\* .*\n\n\*\*Loss\.\*\* ", text, re.MULTILINE), page
        assert page.name in (ROOT / "docs" / "operating.md").read_text()
        assert page in PAGES
