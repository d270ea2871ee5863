"""Fails each test that logs a secret of the tests."""

import logging
import re
from collections.abc import Iterator, Mapping

import pytest

from tests.peers import docker_registry, local_slack, oidc_provider
from tests.peers.canaries import seen_in

SECRETS: Mapping[str, str] = {
    "a registry's password": docker_registry.PASSWORD,
    "a client's secret": oidc_provider.SECRET,
    "Slack's signing secret": local_slack.SECRET,
    "another signing secret of Slack": "the-signing-secret",
    "a secret of the tests": "hunter2",
    "a planted canary": "canary",
}
_SHAPES = {
    "a token of Slack": re.compile(r"\bx(?:ox[a-z]|app)-[\w-]{4}"),
    "a JSON Web Token": re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}"),
    "a webhook's secret": re.compile(r"\bwhsec_\w"),
    "an Authorization header": re.compile(r"\b(?:Basic|Bearer) [\w.~+/-]{8,}"),
}
# The loggers of floe, whose records are checked as FLOE_LOG=json formats them.
_OURS = ("floe", "engine", "bot", "web", "cli")


def secrets_in(text: str) -> set[str]:
    """Return the names of the secrets in `text`."""
    shaped = {name for name, shape in _SHAPES.items() if shape.search(text)}
    return shaped | seen_in(text.encode(errors="replace"), SECRETS)


class Listener(logging.Handler):
    """Stores which logger logged which secret, and never the secret itself."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard += [f"{record.name}: {name}" for name in sorted(secrets_in(self.format(record)))]


@pytest.fixture(scope="session", autouse=True)
def log_listener() -> Iterator[Listener]:
    listener, root = Listener(), logging.getLogger()
    root.addHandler(listener)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    yield listener
    root.removeHandler(listener)


@pytest.fixture(autouse=True)
def nothing_secret_is_logged(log_listener: Listener) -> Iterator[None]:
    """Check the logs of this test, and of threads that others left."""
    yield
    heard, log_listener.heard = log_listener.heard, []
    assert heard == []
