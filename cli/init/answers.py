"""The answers from which `floe init` writes its files."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from engine.config.addresses import Address, RemoteAddress, is_loopback, parse_address

PORT = 8080
SOCKET, HTTP, NONE = "socket", "http", "none"
SYSTEMD, HELM = "systemd", "helm"


@dataclass(frozen=True)
class Answers:
    """The answers to all questions; those that were not asked are empty."""

    registry: str
    product: str
    environments: tuple[str, ...]
    slack: str
    slack_channel: str
    oidc_issuer: str
    oidc_client_id: str
    oidc_domains: tuple[str, ...]
    address: str
    approvals: int
    approvers: tuple[str, ...]
    deploy: str
    image: str

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Answers":
        empty: dict[str, Any] = {"oidc_domains": (), "approvers": (), "approvals": 0}
        names = cls.__dataclass_fields__
        return cls(**{name: given.get(name) or empty.get(name, "") for name in names})

    @property
    def place(self) -> Address:
        return parse_address(self.registry)

    @property
    def has_slack(self) -> bool:
        return self.slack != NONE

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables with the secrets of the server."""
        slack = {SOCKET: "SLACK_APP_TOKEN", HTTP: "SLACK_SIGNING_SECRET"}.get(self.slack)
        cluster = ("FLOE_STATE_URL", "REGISTRY_USERNAME", "REGISTRY_PASSWORD")
        return (
            *(("SLACK_BOT_TOKEN", slack) if slack else ()),
            *(("OIDC_CLIENT_SECRET",) if self.oidc_issuer else ()),
            *(cluster if self.deploy == HELM else ()),
        )

    @property
    def approver_emails(self) -> tuple[str, ...]:
        return tuple(each for each in self.approvers if "@" in each)

    @property
    def approver_groups(self) -> tuple[str, ...]:
        """The groups that approve; the e-mail addresses are a group of the manifest."""
        # A common name could also be that of a user group in Slack, whose members would count.
        own = (f"{self.product}-approvers",) if self.approver_emails else ()
        return (*own, *(each for each in self.approvers if "@" not in each))

    @property
    def plain_http(self) -> bool:
        """Whether the registry is on this machine, where it needs no TLS."""
        return isinstance(self.place, RemoteAddress) and self.place.loopback

    @property
    def port_options(self) -> str:
        """The options of `floe serve` for the port of an address on this machine."""
        parts = urlsplit(self.address)
        if not self.address or not is_loopback(parts.hostname or ""):
            return ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return "" if port == PORT else f" --port {port}"
