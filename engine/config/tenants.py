"""OpenID issuers that serve many organizations, and the rules that exclude the others."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from engine.config.error_messages import Node, Problem
from engine.config.issuers import IssuerRules
from engine.domain.admission import count_literal_parts


@dataclass(frozen=True, slots=True)
class SharedIssuer:
    """
    An issuer whose tokens strangers can get too.

    `claims` name one organization, project or person. `subject_parts` is the number of leading
    parts of a subject that name the organization; 0 if subjects do not name it. `domains` tells
    whether it verifies e-mail addresses. `example` has lines for the manifest.
    """

    serves: str
    claims: frozenset[str]
    example: str
    subject_parts: int = 2
    domains: bool = False


def _shared(
    serves: str, claims: str, example: str, parts: int = 2, domains: bool = False
) -> SharedIssuer:
    return SharedIssuer(serves, frozenset(claims.split()), example, parts, domains)


_PUBLIC = _shared(
    "everyone with an account there", "sub email", "claims: {email: [alice@acme.com]}", 1, True
)
_SHARED: Mapping[str, SharedIssuer] = {
    "token.actions.githubusercontent.com": _shared(
        "every repository on GitHub",
        "sub repository_owner repository_owner_id repository repository_id enterprise "
        "enterprise_id",
        'claims: {repository_owner: acme} or subjects: ["repo:acme/platform:**"]',
    ),
    "gitlab.com": _shared(
        "every project and user of gitlab.com",
        "sub namespace_path namespace_id project_path project_id user_login user_id groups "
        "groups_direct email",
        'claims: {namespace_path: acme} or subjects: ["project_path:acme/platform:**"] for jobs, '
        "allowed_domains: [acme.com] for people",
        domains=True,
    ),
    "agent.buildkite.com": _shared(
        "every organization on Buildkite",
        "sub organization_slug organization_id pipeline_id cluster_id",
        'claims: {organization_slug: acme} or subjects: ["organization:acme:pipeline:deploy:**"]',
    ),
    "app.terraform.io": _shared(
        "every organization on HCP Terraform",
        "sub terraform_organization_id terraform_organization_name terraform_project_id "
        "terraform_workspace_id",
        "claims: {terraform_organization_name: acme}",
    ),
    "oidc.codefresh.io": _shared(
        "every account on Codefresh", "sub account_id", "claims: {account_id: YOUR_ACCOUNT_ID}"
    ),
    "oidc.vercel.com": _shared(
        "every team on Vercel", "sub owner owner_id project_id", "claims: {owner: acme}"
    ),
    "accounts.google.com": _shared(
        "everybody with a Google account",
        "sub hd email",
        "claims: {hd: acme.com}, or allowed_domains: [acme.com]",
        1,
        domains=True,
    ),
    "slack.com": _shared(
        "every Slack workspace that installs the app",
        "https://slack.com/team_id",
        'claims: {"https://slack.com/team_id": T01ACME}',
        0,
    ),
    "login.salesforce.com": _shared(
        "every organization on Salesforce",
        "sub organization_id email",
        "claims: {organization_id: YOUR_ORGANIZATION_ID}",
        1,
        domains=True,
    ),
    "appleid.apple.com": _PUBLIC,
    "www.facebook.com": _PUBLIC,
    "www.linkedin.com/oauth": _PUBLIC,
    "api.login.yahoo.com": _PUBLIC,
    "id.twitch.tv/oauth2": _PUBLIC,
    "oauth2.sigstore.dev/auth": _PUBLIC,
}
_MICROSOFT = _shared(
    "every organization on Microsoft Entra",
    "tid",
    "claims: {tid: YOUR_TENANT_ID}, or name your tenant's issuer, "
    "https://login.microsoftonline.com/YOUR_TENANT_ID/v2.0",
    0,
)
# The last is the tenant of all personal accounts.
_MICROSOFT_SHARED = frozenset(
    {"common", "organizations", "consumers", "9188040d-6c67-4ebb-b43a-a4ba3c7fdcbb"}
)


def shared_issuer(issuer: str) -> SharedIssuer | None:
    """Look up `issuer`, in any spelling; None if it is not known to be shared."""
    try:
        parts = urlsplit(issuer)
    except ValueError:
        return None
    host, path = (parts.hostname or "").rstrip("."), parts.path.rstrip("/")
    if host in ("login.microsoftonline.com", "sts.windows.net"):
        tenant = path.strip("/").split("/")[0].lower()
        return _MICROSOFT if tenant in _MICROSOFT_SHARED else None
    return _SHARED.get(host + path)


def shared_issuer_problems(root: Node) -> Iterator[Problem]:
    """Find entries that would admit strangers."""
    for entry in root["identity.oidc"].items:
        yield from _open_to_strangers(entry)
    if root["web.auth.mode"].value == "oidc":
        yield from _open_to_strangers(root["web.auth"])


def unrestricted_issuers(oidc: tuple[IssuerRules, ...], auth: object) -> Iterator[str]:
    """Warn about issuers of which all tokens are admitted."""
    hint = "restrict it with subjects, claims or allowed_domains"
    for entry in oidc:
        if entry.unrestricted:
            yield f"identity.oidc admits every token of {entry.issuer}: {hint}"
    if isinstance(auth, IssuerRules) and auth.unrestricted:
        yield f"web.auth admits every user of {auth.issuer}: {hint}"


def _open_to_strangers(entry: Node) -> Iterator[Problem]:
    shared = shared_issuer(entry["issuer"].text or "")
    if shared is None:
        return
    named = {name for name, _ in entry["claims"].entries}
    if named & shared.claims or (shared.domains and entry["allowed_domains"].items):
        return
    subjects = entry["subjects"].items if shared.subject_parts else ()
    for subject in subjects:
        parts = count_literal_parts(subject.text or "")
        if parts is not None and parts < shared.subject_parts:
            yield subject.problem(
                f"admits strangers: the first {shared.subject_parts} parts of a subject of this "
                f"issuer must not contain *; write {shared.example}"
            )
    if not subjects:
        yield entry.problem(
            f"{entry['issuer'].text} signs tokens for {shared.serves}, so strangers are admitted: "
            f"add {shared.example}"
        )
