"""People who are removed from the server file lose their rights in Slack at the reload."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.domain.change import Change, ChangeState
from tests.bot.company import Company, company_in
from tests.bot.stage import ALICE, BOB, CAROL


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    with company_in(tmp_path, "checkout", "billing") as built:
        yield built


def waiting(company: Company) -> Change:
    """A promotion that waits for a release manager."""
    company.command("/promote checkout v1.0.0 prod", ALICE)
    return company.change_of("checkout", ChangeState.AWAITING_APPROVAL)


def approvers(company: Company) -> list[str]:
    [change] = [c for c in company.products.store.recent(1) if c.target == "prod"]
    return [each.operator for each in change.approvals]


def remove_bob(company: Company) -> None:
    """Remove Bob from the release managers, and read the files again."""
    file = company.folder / "floe.yaml"
    text = file.read_text()
    changed = text.replace("[bob@acme.com, carol@acme.com]", "[carol@acme.com]")
    assert changed != text
    file.write_text(changed)
    company.products.reload()


def refusal(company: Company, user: str) -> str:
    """The newest private text that says that `user` may not do it."""
    return company.eventually(
        lambda: next((t for t in company.private_texts(user) if "Unauthorized" in t), None)
    )


@pytest.mark.parametrize("removed", [False, True])
def test_removed_approver_no_longer_approves(company: Company, removed: bool) -> None:
    """Also where the file of the product was removed in the same reload."""
    change = waiting(company)
    if removed:
        (company.folder / "products" / "0-checkout.yaml").unlink()

    remove_bob(company)
    company.click("floe_approve", change.id, BOB)
    refused = refusal(company, BOB)
    company.click("floe_approve", change.id, CAROL)

    assert "Required groups: [release-managers]" in refused
    done = company.change_of("checkout", ChangeState.PROMOTED)
    assert [each.operator for each in done.approvals] == ["carol@acme.com"]


def test_removed_locker_no_longer_locks(company: Company) -> None:
    remove_bob(company)

    company.command("/lock checkout prod INC-7", BOB)

    assert "Required groups" in refusal(company, BOB)
    assert company.lock_of("checkout") is None
    company.command("/lock checkout prod INC-7", CAROL)
    assert company.eventually(lambda: company.lock_of("checkout")) == "INC-7"


def test_earlier_approval_of_a_removed_approver_does_not_count(tmp_path: Path) -> None:
    with company_in(tmp_path, "checkout", required=2) as company:
        change = waiting(company)
        company.click("floe_approve", change.id, BOB)
        company.eventually(lambda: approvers(company) == ["bob@acme.com"])
        remove_bob(company)

        company.click("floe_approve", change.id, CAROL)

        company.eventually(lambda: approvers(company) == ["carol@acme.com"])
        assert company.change_of("checkout", ChangeState.AWAITING_APPROVAL).missing_approvals == 1
