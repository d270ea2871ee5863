"""A server signs new entries and asks its witnesses, on its own."""

from pathlib import Path

from demo.seed import seed
from engine.adapters.registry.layout.registry import LayoutRegistry
from engine.adapters.tlog.ed25519 import verify_ed25519
from engine.adapters.tlog.registry_store import RegistryCheckpoints
from engine.bootstrap.keys import show_key
from engine.domain.tlog.note import NoteKey
from tests.cli.serving import serving
from tests.scenarios.changing import until
from tests.scenarios.commands import Floe
from tests.tlog.fake_witness import FakeWitness
from tests.tlog.test_commands import MANIFEST


def test_server_signs_new_entries_and_asks_its_witnesses(tmp_path: Path) -> None:
    floe, store = Floe(tmp_path), RegistryCheckpoints(LayoutRegistry(tmp_path / "registry"))
    seed(tmp_path / "registry")
    floe.run("keys", "generate", "--kind", "ed25519", "--out", "checkpoint.key")
    public = show_key(tmp_path / "checkpoint.key.pub").der[-32:]
    with FakeWitness(NoteKey("oci-layout/registry/staging", public)) as witness:
        (tmp_path / "manifest.yaml").write_text(
            f"{MANIFEST}ledger:\n  checkpoint: {{key: 'file:checkpoint.key'}}\n"
            f"  witnesses: [{{url: 'http://{witness.host}', key: '{witness.key}'}}]\n"
        )
        assert floe.promote("v1.2.2", "staging").code == 0

        with serving(tmp_path):
            assert until(lambda: store.read("staging") is not None)

        stored = store.read("staging")
        assert stored is not None
        assert stored.checkpoint.size == 1
        assert stored.note.signed_by([witness.key], verify_ed25519)
        verified = floe.run("platform", "audit", "verify", "--env", "staging")
        assert "is sound: 1 record" in verified.out
        assert "unwitnessed" not in verified.out
