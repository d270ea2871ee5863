"""`identity`, `slack` and `web` as the file spells them: who people are, and where they are met."""

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, IPvAnyNetwork, Tag

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

_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


class RegistryUsers(Section):
    """What the users of the registry count for on the command line."""

    verified: Flag = Field(
        default=False,
        description="each user is one person: count them as verified, provided that the registry "
        "refuses their password under another user name",
    )


class Identity(Section):
    """Who people are, beside what Slack and OIDC say."""

    groups: dict[Text, Names] = Field(
        default_factory=dict,
        description="groups and their members, beside those of Slack and OIDC",
        examples=[{"platform-admins": ["alice@acme.com"]}],
    )
    aliases: dict[Text, Names] = Field(
        default_factory=dict,
        description="the other names of a person",
        examples=[{"alice@acme.com": ["U01ALICE", "alice"]}],
    )
    oidc: tuple[OidcIssuer, ...] = Field(
        default=(), description="whose tokens are believed in FLOE_ID_TOKEN"
    )
    registry_users: RegistryUsers = Field(
        default_factory=RegistryUsers,
        description="what the users of the registry count for on the command line",
        examples=[{"verified": True}],
    )
    lockers: Names = Field(
        default=(),
        description="people and groups that may lock any environment, beside those who may "
        "promote to it",
        examples=[["on-call"]],
    )
    operators: Names = Field(
        default=(),
        description="people and groups that may, through a server, sync, deliver webhooks again "
        "and run gates without promoting",
        examples=[["platform-admins"]],
    )
    trust_os_user: Flag = Field(
        default=False,
        description="believe the operating system's user name; with an oci-layout registry only",
    )


class SlashCommands(Section):
    """What the commands are called: names are not namespaced in Slack."""

    promote: SlashCommand = Field(default="/promote", description="asks for a promotion")
    rollback: SlashCommand = Field(default="/rollback", description="goes back")
    lock: SlashCommand = Field(default="/lock", description="stops promotions")
    unlock: SlashCommand = Field(default="/unlock", description="lets them go on")
    promotions: SlashCommand = Field(default="/promotions", description="shows what runs where")


class Slack(Section):
    """Where the bot speaks. Its tokens come from the environment, never from here."""

    channel: Given[Text] = Field(
        default=None,
        description="the id of the channel changes are told in; else where they were asked for",
        examples=["C01DEPLOY"],
    )
    commands: SlashCommands = Field(
        default_factory=SlashCommands, description="what the commands are called"
    )


class NoSignIn(Section):
    """Nobody signs in: the page shows, and decides nothing."""

    mode: Literal["none"]


class ProxySignIn(Section):
    """A proxy in front signs people in and says in a header who they are."""

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
    trusted_proxies: AtLeastOne[IPvAnyNetwork] = Field(
        default=_LOOPBACK,
        description="whose headers are believed; by default this machine's only",
        examples=[["10.0.0.0/24"]],
    )


SignIn = Annotated[
    Annotated[NoSignIn, Tag("(none)")]
    | Annotated[ProxySignIn, Tag("(proxy)")]
    | Annotated[OidcSignIn, Tag("(oidc)")],
    variant("mode", "none", "proxy", "oidc"),
]


class Web(Section):
    """The page."""

    base_url: Given[Annotated[Url, AfterValidator(lambda url: url.rstrip("/"))]] = Field(
        default=None,
        description="where people find it; links and sign-in need it",
        examples=["https://floe.acme.com"],
    )
    public: Flag = Field(
        default=False, description="without sign-in, listen beyond this machine all the same"
    )
    auth: SignIn = Field(
        default_factory=lambda: NoSignIn(mode="none"), description="how people sign in"
    )
