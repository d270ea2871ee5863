"""Products that cannot be used, and those that a person may not see."""

import json

import pytest

from bot.catalog import Catalog
from bot.inbox import Origin
from bot.overviews import Overviews
from bot.status_actions import StatusActions
from engine.config import load_installation
from engine.domain.errors import ConfigError, UsageError
from engine.domain.operator import IdentitySource, Operator
from tests.bot.company import DEPLOYS, company_in
from tests.bot.stage import ALICE

BROKEN = {"basket": ConfigError("basket.yaml:3: artifacts: is missing")}


@pytest.fixture
def company(tmp_path):
    with company_in(tmp_path, "payments", "checkout") as built:
        yield built


@pytest.mark.parametrize("text", ["basket v1.0.0 prod", "v1.0.0 prod --product basket"])
def test_broken_product_is_named_with_its_mistake(company, text):
    company.products.update(dict(company.products), BROKEN)

    answer = company.command(f"/promote {text}")

    why = "the product basket cannot be used: basket.yaml:3: artifacts: is missing"
    assert json.loads(answer.body)["text"].startswith(f"Not started: {why}. Try ")


def test_mistake_of_a_broken_product_is_shown_to_its_operators_only(tmp_path):
    web = "visibility: members, auth: {mode: proxy}"
    with company_in(tmp_path, "payments", "checkout", web=web) as company:
        company.products.update(dict(company.products), BROKEN)

        answer = company.command("/promote basket v1.0.0 prod", ALICE)

    assert json.loads(answer.body)["text"].startswith("Not started: 'basket' is not a product")


class Stranger:
    """Resolves each person as Eve, who is in no rule."""

    def resolve(self, _origin):
        return Operator("eve@acme.com", "slack:T01ACME/U09EVE", IdentitySource.SLACK, verified=True)


def test_hidden_and_unknown_products_get_the_same_answer(tmp_path):
    web = "visibility: members, auth: {mode: proxy}"
    with company_in(tmp_path, "payments", "checkout", web=web) as company:
        server = load_installation(tmp_path / "floe.yaml", {}).server
        catalog = Catalog(company.products, server)
        status = StatusActions(catalog, Stranger(), Overviews(catalog, None, None))
        answers = []
        for name in ("checkout", "nothing"):
            with pytest.raises(UsageError) as refused:
                status.status(Origin("U09EVE", "T01ACME", DEPLOYS), name)
            answers.append(str(refused.value).replace(name, "…"))

    assert answers == ["There is no product '…' that you can use"] * 2
