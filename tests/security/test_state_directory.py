"""Files beside the registry are private to their user, in any order of creation."""

import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.adapters.state import FileLeases
from engine.adapters.store import SqlHeads, SqlTally, state_database
from engine.domain.artifact import Digest
from engine.domain.audit import KnownHead
from tests.builders import image
from tests.peers import skopeo
from tests.peers.canaries import files_below
from tests.scenarios.commands import UNGATED, Floe
from tests.security.served import served

NOW = datetime(2026, 9, 1, tzinfo=UTC)
DIGEST = Digest.of(b"record")


def others_may(path: Path) -> int:
    """Return the rights of the group and of others."""
    return stat.S_IMODE(path.stat().st_mode) & 0o077


def held(state: Path) -> None:
    with FileLeases(state / "leases").hold("prod"):
        pass


@pytest.mark.parametrize(
    "first",
    [
        held,
        lambda state: SqlTally(state_database(state)).add("kind", NOW),
        lambda state: SqlHeads(state_database(state), "acme").remember("p", KnownHead(1, DIGEST)),
    ],
)
def test_first_stored_file_makes_the_directory_private(
    tmp_path: Path, first: Callable[[Path], object]
) -> None:
    first(tmp_path / "state")

    assert others_may(tmp_path / "state") == 0


def test_promotion_leaves_no_file_that_others_can_open(
    registry_host: str, repository: str, tmp_path: Path
) -> None:
    skopeo.push(registry_host, repository, image(), "v1.0.0-dev")

    promoted = Floe.on(f"oci://{registry_host}/{repository}", tmp_path, UNGATED).promote(
        "v1.0.0", "staging"
    )

    assert promoted.code == 0, promoted.err
    assert others_may(tmp_path / ".floe") == 0
    assert files_below(tmp_path / ".floe")


def test_users_of_a_shared_layout_share_its_leases(tmp_path: Path) -> None:
    with FileLeases(tmp_path / ".floe" / "leases", shared=True).hold("prod"):
        rights = others_may(tmp_path / ".floe" / "leases")

    assert rights != 0


def test_server_keeps_files_with_secrets_private(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        server.sign_in()
        kept = [path for path in (server.folder / ".floe").iterdir() if path.suffix != ".json"]
        open_to_others = {path.name for path in kept if path.is_file() and others_may(path)}

    assert {"web.key", "store.db", "bot.db", "outbox.db"} <= {path.name for path in kept}
    assert open_to_others <= {"serve.lock"}
