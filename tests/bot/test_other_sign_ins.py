"""A person in Slack is the same person on the page, also if an alias names only the Slack user."""

from pathlib import Path

from engine.domain.change import ChangeState
from engine.domain.parsing import parse_review_request
from engine.domain.result import Result
from engine.domain.trace import trace_id
from engine.ports import NO_PROGRESS
from tests.bot.stage import ALICE, Stage, stage_in
from tests.bot.test_break_glass import COMMAND

GLASS = "break_glass: {groups: [developers], review: {within: 24h, groups: [developers]}}"
ALIAS = f"aliases: {{alice: ['slack:T01ACME/{ALICE}']}}"


def review_elsewhere(stage: Stage, record: str, who: str) -> Result:
    """Review through another sign-in, which verifies the e-mail address `who`."""
    engine = stage.platform.engine
    asked = (record, "it was right", True)
    request = parse_review_request(engine.path, "prod", stage.operator(who), trace_id(), *asked)
    return engine.run(request, NO_PROGRESS)


def test_own_break_glass_in_slack_is_not_reviewed_elsewhere(tmp_path: Path) -> None:
    with stage_in(tmp_path, promotion=GLASS, identity=ALIAS) as stage:
        stage.command(COMMAND, ALICE)
        record = stage.change(ChangeState.PROMOTED).record_id
        assert record is not None

        own = review_elsewhere(stage, record, "alice@acme.com")

        assert "'alice@acme.com' used this break-glass" in str(own.error)
        assert review_elsewhere(stage, record, "dave@acme.com").error is None
        assert stage.platform.engine.verify("prod", NO_PROGRESS).environments[0].problems == ()
