"""The answer of `whoami`: the operator and their rights."""

from collections.abc import Sequence

from cli.output import Answer
from engine.domain.operator import IdentitySource
from engine.domain.text import printable
from engine.responses.whoami import RightsResponse, WhoamiResponse

_SOURCES = {
    IdentitySource.SLACK: "Slack",
    IdentitySource.OIDC: "OIDC",
    IdentitySource.PROXY: "the proxy",
    IdentitySource.REGISTRY: "the registry",
    IdentitySource.OS: "the operating system",
}


def render(response: WhoamiResponse) -> Answer:
    through = f" through {_SOURCES[response.source]}" if response.source else ""
    place = f" at {response.server}" if response.server else ""
    groups = ", ".join(response.groups or ()) or "none"
    lines = [f"{response.operator}{through}{place}, groups {groups}"]
    if response.doubt:
        lines.append(f"  Not verified: {response.doubt}")
    lines += [line for each in response.rights or () for line in _rights(each)]
    return Answer(response, [printable(line) for line in lines])


def _rights(rights: RightsResponse) -> Sequence[str]:
    product = f"{rights.product}: " if rights.product else ""
    promote = f"may promote to {', '.join(rights.promote)}" if rights.promote else ""
    approve = f"may approve for {', '.join(rights.approve)}" if rights.approve else ""
    found = "; ".join(filter(None, (promote, approve)))
    return [f"  {product}{found or 'may neither promote nor approve'}"]
