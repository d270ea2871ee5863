"""The sections `identity`, `slack` and `web`."""

import re
from datetime import UTC, datetime, time, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainValidator, PrivateAttr, Tag, model_validator

from engine.config.field_types import (
    AtLeastOne,
    Flag,
    Given,
    HeaderName,
    Names,
    Section,
    SlashCommand,
    Text,
    Url,
    variant,
)
from engine.config.issuers import OidcIssuer, OidcSignIn, Separator
from engine.config.roles import RoleEntry
from engine.config.webhooks import DeploymentReports, RegistryEvents
from engine.domain.recurrence_rules import find_zone

_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


def _network(value: Any) -> IPv4Network | IPv6Network:
    try:
        return ip_network(value)
    except ValueError as error:
        raise ValueError("value is not a valid IPv4 or IPv6 network") from error


# The type of pydantic is slow to import.
_Network = Annotated[
    IPv4Network | IPv6Network,
    PlainValidator(_network, json_schema_input_type=str),
    Field(json_schema_extra={"format": "ipvanynetwork"}),
]


class RegistryUsers(Section):
    """The users of the registry, as identities on the command line."""

    verified: Flag = Field(
        default=False,
        description="each user is one person: treat them as verified if the registry refuses "
        "their password under another user name",
    )


class Identity(Section):
    """People, groups and issuers, in addition to those of Slack and OIDC."""

    groups: dict[Text, Names] = Field(
        default_factory=dict,
        description="groups and their members, in addition to those of Slack and OIDC",
        examples=[{"platform-admins": ["alice@acme.com"]}],
    )
    aliases: dict[Text, Names] = Field(
        default_factory=dict,
        description="the other names of a person",
        examples=[{"alice@acme.com": ["U01ALICE", "alice"]}],
    )
    oidc: tuple[OidcIssuer, ...] = Field(
        default=(), description="the issuers of tokens of `floe login` and in FLOE_ID_TOKEN"
    )
    registry_users: RegistryUsers = Field(
        default_factory=RegistryUsers.model_construct,
        description="the users of the registry, as identities on the command line",
        examples=[{"verified": True}],
    )
    lockers: Names = Field(
        default=(),
        description="people and groups that may lock any environment, in addition to those who "
        "may promote to it",
        examples=[["on-call"]],
    )
    operators: Names = Field(
        default=(),
        description="people and groups that may, through a server, sync, redeliver webhooks and "
        "run gates without promoting; with this list, only they rotate keys, which needs it "
        "through a server",
        examples=[["platform-admins"]],
    )
    roles: Given[AtLeastOne[RoleEntry]] = Field(
        default=None,
        description="the roles of people; operators and approvers decide in environments without "
        "lists of their own",
        examples=[[{"role": "operator", "groups": ["sre"]}]],
    )
    trust_os_user: Flag = Field(
        default=False,
        description="trust the operating system's user name; with an oci-layout registry only",
    )


class SlashCommands(Section):
    """The names of the slash commands; two Slack apps cannot have the same."""

    promote: SlashCommand = Field(default="/promote", description="requests a promotion")
    rollback: SlashCommand = Field(default="/rollback", description="requests a rollback")
    lock: SlashCommand = Field(default="/lock", description="locks an environment")
    unlock: SlashCommand = Field(default="/unlock", description="unlocks an environment")
    promotions: SlashCommand = Field(default="/promotions", description="shows the status")


def _time_of_day(value: str) -> str:
    if not re.fullmatch(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]", value, re.ASCII):
        raise ValueError("must be a time of day, like 08:00 or 20:30")
    return value


def _zone(value: str) -> str:
    find_zone(value)
    return value


TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]


class QuietHours(Section):
    """The hours of each day without direct messages, which are sent at their end if still true."""

    start: TimeOfDay = Field(alias="from", description="their start", examples=["20:00"])
    end: TimeOfDay = Field(
        alias="to", description="their end, on the next day if before from", examples=["08:00"]
    )
    zone: Annotated[str, AfterValidator(_zone)] = Field(
        description="the time zone of both", examples=["Europe/Berlin"]
    )

    @model_validator(mode="after")
    def _differ(self) -> "QuietHours":
        if self.start == self.end:
            raise ValueError("from and to are the same: leave quiet_hours out to have none")
        return self

    def end_after(self, at: datetime) -> datetime | None:
        """The end, in UTC, of the quiet hours at `at`; None outside of them."""
        zone = find_zone(self.zone)
        local = at.astimezone(zone)
        start, end, now = time.fromisoformat(self.start), time.fromisoformat(self.end), local.time()
        overnight = start > end
        if not (start <= now < end or (overnight and (now >= start or now < end))):
            return None
        day = local.date() + timedelta(days=1 if overnight and now >= start else 0)
        # Where the clock is set back, the same time comes twice.
        ends = (datetime.combine(day, end, zone).replace(fold=fold) for fold in (0, 1))
        return min(each for each in (e.astimezone(UTC) for e in ends) if each > at)


class Notify(Section):
    """The direct messages about changes. Each person can mute a product in the Home tab."""

    requester: Flag = Field(
        default=True,
        description="tell the requester when their change ends, gets no approval in time, or fails "
        "in a cluster",
    )
    approvers: Literal["channel", "dm", "off"] = Field(
        default="channel",
        description="mention approvers in the channel; with dm, also send each of at most 50 "
        "people one direct message for a change; with off, only name their groups",
    )
    quiet_hours: Given[QuietHours] = Field(
        default=None,
        description="hours without direct messages; break-glass and failures in the last "
        "environment are sent at once",
    )


class Slack(Section):
    """The Slack bot. Its tokens come from environment variables only."""

    channel: Given[Text] = Field(
        default=None,
        description="the id of the channel for changes; else the channel of each request",
        examples=["C01DEPLOY"],
    )
    commands: SlashCommands = Field(
        default_factory=SlashCommands.model_construct, description="the names of the slash commands"
    )
    notify: Notify = Field(
        default_factory=Notify.model_construct, description="direct messages about changes"
    )
    _channels: tuple[str, ...] = PrivateAttr(default=())

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that belong to the product; none unless its product file names some."""
        return self._channels

    def of_product(
        self, channel: str | None, channels: tuple[str, ...], notify: Notify | None
    ) -> "Slack":
        """Return the settings of a product whose file names these; changes go to `channel`."""
        own = {"channel": channel or self.channel, "notify": notify or self.notify}
        slack = self.model_copy(update=own)
        slack._channels = tuple(dict.fromkeys([channel, *channels] if channel else channels))
        return slack


class NoSignIn(Section):
    """No sign-in: the page is read-only."""

    mode: Literal["none"]


class ProxySignIn(Section):
    """Sign-in by a proxy, which sends the e-mail address in a header."""

    mode: Literal["proxy"]
    operator_header: HeaderName = Field(
        default="X-Forwarded-Email", description="the header with the e-mail"
    )
    groups_header: Given[HeaderName] = Field(
        default=None,
        description="the header with the groups",
        examples=["X-Forwarded-Groups"],
    )
    groups_separator: Separator = Field(
        default=",", description="the text between two groups in groups_header"
    )
    trusted_proxies: AtLeastOne[_Network] = Field(
        default=_LOOPBACK,
        description="the addresses whose headers are trusted; by default this machine's only",
        examples=[["10.0.0.0/24"]],
    )


SignIn = Annotated[
    Annotated[NoSignIn, Tag("(none)")]
    | Annotated[ProxySignIn, Tag("(proxy)")]
    | Annotated[OidcSignIn, Tag("(oidc)")],
    variant("mode", "none", "proxy", "oidc"),
]


class Web(Section):
    """The web page and its sign-in."""

    base_url: Given[Annotated[Url, AfterValidator(lambda url: url.rstrip("/"))]] = Field(
        default=None,
        description="the URL of the page; links and sign-in need it",
        examples=["https://floe.acme.com"],
    )
    public: Flag = Field(
        default=False, description="listen on public addresses even without sign-in"
    )
    visibility: Literal["everybody", "members"] = Field(
        default="everybody",
        description="who sees a product: everybody who can sign in, or only the people in its "
        "rules and in identity.roles",
    )
    auth: SignIn = Field(
        default_factory=lambda: NoSignIn.model_construct(mode="none"),
        description="how people sign in",
    )
    registry_events: Given[RegistryEvents] = Field(
        default=None,
        description="accept the events of registries, and read a product when its registry changes",
    )
    deployments: Given[DeploymentReports] = Field(
        default=None,
        description="accept reports about deployments that are signed with a secret; those with an "
        "OIDC token are always accepted",
    )
