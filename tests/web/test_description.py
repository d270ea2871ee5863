"""Valid and invalid requests get the answers that the OpenAPI description lists."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.peers.fake_issuer import FakeIssuer
from tests.peers.signing import SigningKey, claims
from tests.web.stage import ALICE, stage_in

pytestmark = [pytest.mark.requirement("WB-002"), pytest.mark.timeout(400)]
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@pytest.fixture(scope="module")
def described(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[schemathesis.BaseSchema]:
    """The API of a platform with a version in staging and one that waits for approval."""
    folder: Path = tmp_path_factory.mktemp("described")
    key = SigningKey.new()
    with FakeIssuer(key) as issuer:
        oidc = f"{{issuer: '{issuer.issuer}', audience: floe}}"
        with stage_in(folder, oidc=oidc) as stage:
            stage.publish("v1.0.0", "v1.1.0")
            stage.ask("v1.0.0", "staging")
            stage.ask("v1.0.0", "prod")
            said = claims(issuer.issuer, sub=ALICE, email=ALICE, email_verified=True)
            token = key.sign(said)
            schema = schemathesis.openapi.from_wsgi("/openapi.json", stage.app)
            schema.config.update(headers={"Authorization": f"Bearer {token}"})
            # An invalid body may be larger than the limit.
            rejection = schema.config.checks.negative_data_rejection
            rejection.expected_statuses = [*rejection.expected_statuses, "413"]
            yield schema


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_is_in_the_description(
    described: schemathesis.BaseSchema, mode: GenerationMode
) -> None:
    operations = [found.ok() for found in described.get_all_operations()]

    for operation in operations:
        send_requests(operation, mode)

    assert len(operations) == 37


def send_requests(operation: Any, mode: GenerationMode) -> None:
    """Send a few requests to `operation` that match its description, or do not."""

    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=_CHECKS)

    try:
        ask()
    except Unsatisfiable:
        # An operation without parameters has no invalid requests.
        assert mode is GenerationMode.NEGATIVE
