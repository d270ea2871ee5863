"""The timestamps in an export are verified without registry and authority."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.adapters.ledger.sealing import Sealing
from engine.audit.checkpoints import CheckpointSource
from engine.bootstrap.checkpoints import verify_exports
from engine.domain.audit import EnvironmentAudit
from engine.domain.errors import ConfigError, UsageError
from tests.conftest import Place
from tests.peers.timestamp_authority import TimestampAuthority
from tests.scenarios.audited import messages, summarize
from tests.scenarios.engines import ProgressLog, with_parts
from tests.scenarios.sealed import OWN, pems
from tests.scenarios.stamped import stamping, writer
from tests.scenarios.test_sealed_exports import LOG, public
from tests.tlog.logged import logging_engine, write_entries


@pytest.fixture
def authority(layout: Place, tmp_path: Path) -> Iterator[TimestampAuthority]:
    """An authority that is down when the export is made and verified; it has stamped entry 1."""
    with (
        TimestampAuthority(tmp_path / "tsa") as found,
        writer(layout, tmp_path / "writer", stamping(found)) as engine,
    ):
        write_entries(engine, 1, "staging")
    return found


def export(place: Place, folder: Path, certificates: bytes = b"") -> Path:
    with writer(place, folder / "exporter", Sealing()) as engine:
        logging = logging_engine(engine, LOG)
        assert logging.runner.checkpoints is not None
        checkpoints = replace(
            logging.runner.checkpoints.open(),
            entry_keys=lambda: pems(OWN),
            timestamp_certificates=certificates,
        )
        exporter = with_parts(logging, checkpoints=CheckpointSource(lambda: checkpoints))
        exporter.export("staging", folder / "out", ProgressLog())
    return folder / "out"


def verify(exported: Path, *more: Path) -> EnvironmentAudit:
    keys = [public(exported.parent, signer) for signer in (LOG, OWN)]
    found = verify_exports(exported, [*keys, *map(str, more)], (), ProgressLog())
    [audit] = found.environments
    return audit


def test_given_certificates_verify_timestamps(
    layout: Place, authority: TimestampAuthority, tmp_path: Path
) -> None:
    audit = verify(export(layout, tmp_path), authority.folder / "root.pem")

    assert (audit.sound, audit.notes) == (True, ())


def test_certificates_of_the_export_are_unconfirmed(
    layout: Place, authority: TimestampAuthority, tmp_path: Path
) -> None:
    audit = verify(export(layout, tmp_path, authority.certificates))

    assert (audit.sound, summarize(audit.notes)) == (True, [("unconfirmed", None)])
    assert "timestamp-certificates.pem with those you know" in messages(audit)


def test_export_without_certificates_says_that_no_timestamp_was_verified(
    layout: Place, authority: TimestampAuthority, tmp_path: Path
) -> None:
    audit = verify(export(layout, tmp_path))

    assert (audit.sound, summarize(audit.notes)) == (True, [("unconfirmed", 1)])
    assert "give the certificates of the authority with --key" in messages(audit)


def test_file_with_a_key_and_a_certificate_is_refused(
    layout: Place, authority: TimestampAuthority, tmp_path: Path
) -> None:
    exported = export(layout, tmp_path)
    both = tmp_path / "both.pem"
    key = Path(public(tmp_path, OWN)).read_bytes()
    both.write_bytes((authority.folder / "root.pem").read_bytes() + key)

    with pytest.raises(UsageError, match=r"both\.pem holds certificates and something else"):
        verify(exported, both)


def test_other_certificates_do_not_verify_timestamps(
    layout: Place, authority: TimestampAuthority, tmp_path: Path
) -> None:
    with TimestampAuthority(tmp_path / "other") as other:
        given = other.folder / "root.pem"

    audit = verify(export(layout, tmp_path, authority.certificates), given)

    assert summarize(audit.problems) == [("timestamp", 1)]


def test_damaged_certificates_in_the_export_are_a_problem(
    layout: Place, authority: TimestampAuthority, tmp_path: Path
) -> None:
    exported = export(layout, tmp_path, b"not a certificate")

    assert summarize(verify(exported).problems) == [("altered", None)]


def test_file_without_a_root_is_refused(
    layout: Place, authority: TimestampAuthority, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="--key has no root certificate"):
        verify(export(layout, tmp_path), authority.folder / "signer.pem")
