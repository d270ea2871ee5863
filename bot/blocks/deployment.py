"""How far the artifact of a change is deployed, on its card."""

from dataclasses import dataclass

from bot.blocks.elements import Block, actions, button, escape, section
from engine.domain.change import Change

ROLL_BACK = "floe_roll_back"


@dataclass(frozen=True)
class Deployed:
    """The state of a deployment, for people; `failed` if it failed somewhere."""

    text: str
    failed: bool = False


def deployment_blocks(change: Change, deployed: Deployed) -> list[Block]:
    """Render the state; if it failed, with a button that opens the form of a rollback."""
    sign = ":red_circle:" if deployed.failed else ":ship:"
    blocks = [section("deployed", f"{sign} {escape(deployed.text, 500)}")]
    if deployed.failed:
        place = f"{change.product}/{change.target}"
        spoken = f"Roll back {change.target}"
        shown = button("Roll back…", ROLL_BACK, place, style="danger", spoken=spoken)
        blocks.append(actions(f"deployed:{change.id}", shown))
    return blocks
