"""The questions of `floe init`: each is an option, and asked at a terminal without it."""

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import click

from cli.init.answer_types import Channel, Checked, Environments, Listed, OrNone, Registry
from cli.init.answers import HELM, HTTP, NONE, PORT, SOCKET
from engine.config.addresses import RemoteAddress, parse_address
from engine.config.field_types import EnvironmentName, IssuerUrl, RegistryUri, Text, Url
from engine.config.issuers import Domain
from engine.config.server_models import ProductName
from engine.domain.product import is_product_name

Given = Mapping[str, Any]
_MOST_APPROVALS = 50


@dataclass(frozen=True)
class Question:
    """
    A question with its option.

    `usual` is the answer of the Enter key; None without one. `needs` returns the condition that is
    missing for the question, and `wrong` why an answer contradicts the earlier ones. `shown` is
    the usual answer in the help, if it depends on others.
    """

    name: str
    kind: click.ParamType[Any]
    text: str
    usual: str | Callable[[Given], str | None] | None = None
    needs: Callable[[Given], str | None] = lambda _: None
    wrong: Callable[[Any, Given], str | None] = lambda _value, _given: None
    shown: str = ""

    @property
    def flag(self) -> str:
        return f"--{self.name.replace('_', '-')}"

    @property
    def help(self) -> str:
        usual = self.usual if isinstance(self.usual, str) else self.shown
        return f"{self.text}.{f' Default: {usual}.' if usual else ''}"

    def ask(self, earlier: Given) -> Any:
        """Ask at the terminal until the answer is valid."""
        while True:
            # Stdout is for the answer of the command alone.
            value = click.prompt(
                self.text, self._usual(earlier), type=self.kind, err=True, show_choices=False
            )
            if not (problem := self.wrong(value, earlier)):
                return value
            click.echo(f"Error: {problem}", err=True)

    def take(self, value: Any, earlier: Given) -> Any:
        """Check the `value` of the option, or return the usual one; click.UsageError."""
        if value is None:
            usual = self._usual(earlier)
            if usual is None:
                raise click.UsageError(f"Missing option '{self.flag}': {self.text}")
            value = self.kind.convert(usual, None, None)
        if problem := self.wrong(value, earlier):
            raise click.UsageError(f"{self.flag} {problem}")
        return value

    def _usual(self, earlier: Given) -> str | None:
        return self.usual(earlier) if callable(self.usual) else self.usual


def _product(given: Given) -> str | None:
    """The last part of the repository."""
    with suppress(ValueError):
        place = parse_address(given["registry"])
        name = place.repository if isinstance(place, RemoteAddress) else place.path.name
        name = name.rpartition("/")[2]
        return name if is_product_name(name) else None
    return None


def _address(given: Given) -> str | None:
    public = given["slack"] == HTTP or given["deploy"] == HELM
    return None if public else f"http://localhost:{PORT}"


def _for_cluster(value: str, given: Given) -> str | None:
    remote = value.startswith("oci://")
    return None if remote or given["deploy"] != HELM else "must be oci://… with --deploy helm"


def _signed_in(value: str, given: Given) -> str | None:
    if value or given["deploy"] != HELM:
        return None
    return "cannot be none with --deploy helm, which serves the page to the cluster"


def _reached(value: str, given: Given) -> str | None:
    if value.startswith("https://") or given["slack"] != HTTP:
        return None
    return "must be https://… with --slack http: Slack calls it"


def _enough(value: tuple[str, ...], given: Given) -> str | None:
    if not value or len(value) >= given["approvals"] or any("@" not in each for each in value):
        return None
    return f"must name at least {given['approvals']} people, or a group"


def _with_slack(given: Given) -> str | None:
    return "needs --slack socket or http" if given["slack"] == NONE else None


def _with_sign_in(given: Given) -> str | None:
    return None if given["oidc_issuer"] else "needs --oidc-issuer"


def _with_people(given: Given) -> str | None:
    people = given["slack"] != NONE or given["oidc_issuer"]
    return None if people else "needs people that floe can identify: --slack or --oidc-issuer"


QUESTIONS = (
    Question(
        "registry",
        Registry("uri", RegistryUri),
        "Registry and repository, like registry.example.com/acme/shop",
        wrong=_for_cluster,
    ),
    Question(
        "product",
        Checked("name", ProductName),
        "Name of the product",
        _product,
        shown="the last part of the repository",
    ),
    Question(
        "environments",
        Environments(Checked("name", EnvironmentName)),
        "Environments in the order of promotion",
        "dev,staging,prod",
    ),
    Question(
        "slack",
        click.Choice([SOCKET, HTTP, NONE]),
        "Slack: socket (floe connects to Slack), http (Slack calls floe) or none",
        SOCKET,
    ),
    Question(
        "slack_channel",
        Channel(),
        "Id of the Slack channel for all changes, or none for the channel of each request",
        NONE,
        _with_slack,
    ),
    Question(
        "oidc_issuer",
        OrNone(Checked("url", IssuerUrl)),
        "OpenID issuer for the sign-in on the page, or none",
        lambda given: None if given["deploy"] == HELM else NONE,
        wrong=_signed_in,
        shown=NONE,
    ),
    Question(
        "oidc_client_id",
        Checked("id", Text),
        "Client id of floe at the issuer",
        "floe",
        _with_sign_in,
    ),
    Question(
        "oidc_domains",
        Listed(Checked("domain", Domain)),
        "Domains of the e-mail addresses that may sign in, like acme.com",
        needs=_with_sign_in,
    ),
    Question(
        "address",
        Checked("url", Url),
        "Address of the page, like https://floe.example.com",
        _address,
        _with_people,
        _reached,
        f"http://localhost:{PORT}, unless Slack calls it",
    ),
    Question(
        "approvals",
        click.IntRange(0, _MOST_APPROVALS),
        "Approvals by other people in the last environment",
        "1",
        _with_people,
    ),
    Question(
        "approvers",
        Listed(Checked("name", Text), "anyone"),
        "Approvers: e-mail addresses or groups, or anyone who may promote",
        "anyone",
        lambda given: None if given["approvals"] else "needs --approvals",
        _enough,
    ),
    Question(
        "image",
        Checked("repository", Text),
        "Repository of floe's image, built from the Dockerfile",
        needs=lambda given: None if given["deploy"] == HELM else "needs --deploy helm",
    ),
)


def interview(given: Given) -> dict[str, Any]:
    """
    Ask at a terminal for the answers that `given` lacks, and take the usual ones elsewhere.

    click.UsageError for a missing answer, an option without effect, and contradictions.
    """
    at_terminal = sys.stdin.isatty() and sys.stderr.isatty()
    answers = {"deploy": given["deploy"]}
    for question in QUESTIONS:
        value, missing = given[question.name], question.needs(answers)
        if missing:
            if value:
                raise click.UsageError(f"{question.flag} {missing}")
            answers[question.name] = None
        elif value is None and at_terminal:
            answers[question.name] = question.ask(answers)
        else:
            answers[question.name] = question.take(value, answers)
    return answers
