"""Typed commands are parsed, or refused with a corrected command."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.line import SAY_WHY, Help
from bot.menu import Menu
from bot.options import InvalidCommandError
from bot.parse import (
    Lock,
    Promote,
    PromoteForm,
    Promotions,
    Rollback,
    Unlock,
    parse_lock,
    parse_promote,
    parse_promotions,
    parse_rollback,
    parse_unlock,
)
from bot.slack_text import strip_markup
from engine.domain.overrides import Overrides
from tests.scenarios.engines import DEFAULT_PATH

OLDER = Promote("v1.2.3", "staging", "prod", Overrides(allow_older=True, reason="old line"))
PARSERS = [parse_promote, parse_rollback, parse_lock, parse_unlock, parse_promotions]
VERSIONS = st.from_regex(r"v?[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True).filter(
    lambda v: all(p == str(int(p)) for p in v.lstrip("v").split("."))
)
# Words with dashes can be options, see tests/bot/test_options.py.
_CHARACTERS = st.characters(
    codec="utf-8", exclude_categories=["Cc", "Cs", "Pd"], exclude_characters="−⁃⁻₋"
)
REASONS = st.text(_CHARACTERS, min_size=1).map(lambda text: f"because {text}".strip())


@pytest.mark.requirement("SL-001")
@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("v1.2.3 staging prod", Promote("v1.2.3", "staging", "prod")),
        ("v1.2.3 prod", Promote("v1.2.3", "staging", "prod")),
        ("1.2.3 dev", Promote("1.2.3", "none", "dev")),
        ("  v1.2.3   from staging to prod ", Promote("v1.2.3", "staging", "prod")),
        ("v1.2.3 --to prod", Promote("v1.2.3", "staging", "prod")),
        ("v1.2.3 prod --allow-older --reason “old line”", OLDER),
        ('v1.2.3 --to prod --reason "old line" --allow-older', OLDER),
        ("—allow-older v1.2.3 prod —reason old line", OLDER),
        ("v1.2.3 prod --reason old line --allow-older", OLDER),
        (
            "v1.2.3 prod --override-rollback --reason=fixed",
            Promote("v1.2.3", "staging", "prod", Overrides(override_rollback=True, reason="fixed")),
        ),
        ("v1.2.3 staging → prod", Promote("v1.2.3", "staging", "prod")),
        ("v1.2.3-staging staging prod", Promote("v1.2.3", "staging", "prod")),
        ("<http://v1.2.3|v1.2.3> prod", Promote("v1.2.3", "staging", "prod")),
        ("v1.2.3–rc.1 prod", Promote("v1.2.3-rc.1", "staging", "prod")),
        ("v1.2.3\u200b prod", Promote("v1.2.3", "staging", "prod")),
        ("ｖ1.2.3\u00a0prod", Promote("v1.2.3", "staging", "prod")),
        ("", PromoteForm()),
        ("v1.2.3", PromoteForm(version="v1.2.3")),
        ("prod", PromoteForm(target="prod")),
        ("HELP", Help()),
    ],
)
def test_promotion_is_parsed(text, meant):
    assert parse_promote(text, Menu.of(DEFAULT_PATH), "/promote") == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("prod 30m db failover", Lock("prod", "30m", "db failover")),
        ("prod it's  “the” db", Lock("prod", None, "it's  “the” db")),
        ("prod 1h30m see &lt;b&gt; &amp;amp;", Lock("prod", "1h30m", "see <b> &amp;")),
        ("prod <!channel> ask <@U02BOB|bob>", Lock("prod", None, "@channel ask @bob")),
        ("prod", Lock("prod")),
        ("prod 30m", Lock("prod", "30m")),
        ("prod 2nd failover", Lock("prod", None, "2nd failover")),
        ("", Help()),
        ("help", Help()),
    ],
)
def test_lock_is_parsed_and_its_reason_kept_as_typed(text, meant):
    assert parse_lock(text, Menu.of(DEFAULT_PATH), "/lock") == meant


@pytest.mark.parametrize(
    ("parse", "text", "meant"),
    [
        (parse_rollback, "v1.2.2 prod", Rollback("v1.2.2", "prod")),
        (parse_rollback, "v1.2.2 prod  5xx  again", Rollback("v1.2.2", "prod", "5xx  again")),
        (parse_rollback, "v1.2.2-prod prod", Rollback("v1.2.2", "prod")),
        (parse_rollback, "prod", Rollback(None, "prod")),
        (parse_rollback, "prod it is slow", Rollback(None, "prod", "it is slow")),
        (parse_rollback, "", Help()),
        (parse_unlock, "prod all done", Unlock("prod", "all done")),
        (parse_unlock, "prod", Unlock("prod")),
        (parse_unlock, "", Help()),
        (parse_promotions, "", Promotions()),
        (parse_promotions, "staging", Promotions("staging")),
        (parse_promotions, "help", Help()),
    ],
)
def test_other_commands_are_parsed(parse, text, meant):
    assert parse(text, Menu.of(DEFAULT_PATH), "/c") == meant


@pytest.mark.parametrize(
    ("parse", "text", "why", "following"),
    [
        (parse_promote, "prod v1.2.3", "must come first", "/c v1.2.3 prod"),
        (
            parse_promote,
            "v1.2.3 prod --allow-older",
            "reason is empty",
            f'/c v1.2.3 staging prod --allow-older --reason "{SAY_WHY}"',
        ),
        (parse_promote, "v1.2.3 prod --reason x", "only with", "/c v1.2.3 staging prod"),
        (
            parse_promote,
            "v1.2.3 --allow-older --reason x",
            "target environment is missing",
            '/c v1.2.3 staging prod --allow-older --reason "x"',
        ),
        (parse_promote, "staging prod v1.2.3", "must come first", "/c v1.2.3 staging prod"),
        (parse_promote, "v1.2.3 prd", "Did you mean prod?", "/c v1.2.3 prod"),
        (parse_promote, "v1.2.3 stagng prod", "Did you mean staging?", "/c v1.2.3 staging prod"),
        (parse_promote, "v1.2.3 dev prod", "Required path", "/c v1.2.3 staging prod"),
        (parse_promote, "v1.2 prod", "not a version", "/c v1.2.3 staging prod"),
        (parse_promote, "latest prod", "tag that moves", "/c v1.2.3 staging prod"),
        (parse_promote, "v1.2.3 staging prod now please", "too many", "/c v1.2.3 staging prod"),
        (parse_promote, "PROD", "Did you mean prod?", "/c prod"),
        (parse_rollback, "prod v1.2.2", "must come first", "/c v1.2.2 prod"),
        (parse_rollback, "v9 staging slow", "not a version", "/c v1.2.2 staging slow"),
        (parse_rollback, "v9 prd slow", "not a version", "/c v1.2.2 prod slow"),
        (parse_rollback, "v1.2.2", "environment is missing", "/c v1.2.2 prod"),
        (parse_lock, "prd 30m {} {0}", "Did you mean prod?", "/c prod 30m {} {0}"),
        (parse_lock, "30m prod db", "after the environment", "/c prod 30m db"),
        (parse_lock, "prod 30min db", "not a duration", "/c prod 30m db"),
        (parse_lock, "prod 90d db", "not a valid duration", "/c prod 30m db"),
        (parse_unlock, "prd done", "Did you mean prod?", "/c prod done"),
        (parse_promotions, "prd", "Did you mean prod?", "/c prod"),
    ],
)
def test_invalid_command_is_refused_with_a_correction(parse, text, why, following):
    with pytest.raises(InvalidCommandError, match=".") as refused:
        parse(text, Menu.of(DEFAULT_PATH), "/c")

    assert why in str(refused.value)
    assert refused.value.suggestion == following


@pytest.mark.parametrize("parse", PARSERS)
@given(
    text=st.text()
    | st.lists(st.sampled_from(["prod", "v1.2.3", "{}", "\0", "<", "|>", "&lt;", "30m", "‮"])).map(
        " ".join
    )
)
def test_any_text_is_parsed_or_refused(parse, text):
    try:
        parse(text, Menu.of(DEFAULT_PATH), "/c")
    except InvalidCommandError as refused:
        assert str(refused)


@given(version=VERSIONS, target=st.sampled_from(["staging", "prod"]))
def test_promotion_with_all_words_is_parsed(version, target):
    source = DEFAULT_PATH.source(target)

    asked = parse_promote(f"{version} {source} {target}", Menu.of(DEFAULT_PATH), "/promote")

    assert asked == Promote(version, source, target)


@given(reason=REASONS, duration=st.sampled_from(["", "30m", "2h"]))
def test_escaped_reason_is_restored(reason, duration):
    escaped = reason.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    asked = parse_lock(f"prod {duration} {escaped}", Menu.of(DEFAULT_PATH), "/lock")

    assert asked == Lock("prod", duration or None, reason)


@given(st.text())
def test_escaped_markup_stays_plain_text(text):
    for_slack = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    assert strip_markup(for_slack) == text.strip()
