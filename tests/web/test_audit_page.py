"""The audit page warns of a lost rollback target."""

from tests.peers import oci_layout
from tests.web.stage import Stage


def test_audit_page_warns_of_a_lost_rollback_target(stage: Stage) -> None:
    for version in ("v1.0.0", "v1.1.0"):
        stage.publish(version)
        stage.ask(version, "staging")
    oci_layout.lose(stage.folder / "registry", "v1.0.0-staging")

    page = stage.audit()

    assert "staging cannot be rolled back to v1.0.0, which ran before v1.1.0" in page
    assert page.count(">sound<") == 3
