"""Command line options typed in Slack are parsed, or refused with a corrected command."""

import json

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.line import Help
from bot.menu import Menu
from bot.options import LOCK, PROMOTE, PROMOTIONS, ROLLBACK, UNLOCK, WAIVE, InvalidCommandError
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
from cli.commands.freeze import lock, unlock
from cli.commands.promote import promote
from cli.commands.rollback import rollback
from cli.commands.status import status
from cli.commands.waive import waive
from engine.domain.change import ChangeState
from engine.domain.overrides import Overrides
from tests.bot.stage import ALICE, BOB, DEPLOYS
from tests.scenarios.engines import DEFAULT_PATH

PARSERS = [parse_promote, parse_rollback, parse_lock, parse_unlock, parse_promotions]
ONWARD = Promote("v1.2.3", "staging", "prod")
BACK = Rollback("v1.2.2", "prod", "db down")

pytestmark = pytest.mark.requirement("SL-001")


@pytest.mark.parametrize(
    ("parse", "text", "meant"),
    [
        *(
            (parse_promote, text, ONWARD)
            for text in (
                "v1.2.3 —to prod",
                "v1.2.3 –to prod",
                "v1.2.3 —To prod",
                "v1.2.3\u00a0—to\u00a0prod",
                "v1.2.3 -\u200b-to prod",
                "v1.2.3 --to=prod",
                "v1.2.3 —to=“prod”",
                "“v1.2.3” --to 'prod'",
                "--to prod --from staging v1.2.3",
                "v1.2.3 --from staging prod",
                "v1.2.3 to prod from staging",
                "v1.2.3 staging —&gt; prod",
            )
        ),
        (parse_promote, "v1.2.3 --from none --to dev", Promote("v1.2.3", "none", "dev")),
        (parse_promote, "—to prod", PromoteForm(target="prod")),
        (parse_promote, "v1.2.3 prod —help", Help()),
        (
            parse_promote,
            "v1.2.3 prod —allow-older —override-rollback —reason ‘see — INC-1’",
            Promote("v1.2.3", "staging", "prod", Overrides(True, True, "see — INC-1")),
        ),
        (parse_rollback, "v1.2.2 —env prod —reason “db down”", BACK),
        (parse_rollback, "--env=prod v1.2.2 db down", BACK),
        (parse_rollback, "--env=prod --reason db down", Rollback(None, "prod", "db down")),
        (parse_rollback, "v1.2.2 prod --reason='db down'", BACK),
        (parse_lock, "—env prod —for 2h —reason “it's – slow”", Lock("prod", "2h", "it's – slow")),
        (parse_lock, "prod --for 1h30m  db  failover", Lock("prod", "1h30m", "db  failover")),
        (parse_lock, "prod db failover --for=30m", Lock("prod", "30m", "db failover")),
        (parse_lock, "prod for 30m db failover", Lock("prod", "30m", "db failover")),
        (parse_lock, "prod 30m “db failover”", Lock("prod", "30m", "db failover")),
        (parse_lock, "prod --reason 'use --force'", Lock("prod", None, "use --force")),
        (parse_lock, "prod --reason it's slow", Lock("prod", None, "it's slow")),
        (parse_lock, "prod --reason ’tis slow", Lock("prod", None, "’tis slow")),
        (parse_lock, "prod a - b – c :-(", Lock("prod", None, "a - b – c :-(")),
        (parse_lock, "prod from us to eu", Lock("prod", None, "from us to eu")),
        (parse_lock, "prod &gt; 5xx—again", Lock("prod", None, "> 5xx—again")),
        (
            parse_lock,
            "prod --reason=ask <mailto:a@b.c|a@b.c>, <@U1|bob>",
            Lock("prod", None, "ask a@b.c, @bob"),
        ),
        (parse_lock, "prod —help", Help()),
        (parse_unlock, "—env prod —reason=done", Unlock("prod", "done")),
        (parse_unlock, "--env prod all done", Unlock("prod", "all done")),
        (parse_promotions, "—env prod", Promotions("prod")),
    ],
)
def test_options_are_parsed_like_on_the_command_line(parse, text, meant):
    assert parse(text, Menu.of(DEFAULT_PATH), "/c") == meant


@pytest.mark.parametrize(
    ("parse", "text", "why", "following"),
    [
        (parse_promote, "v1.2.3 —too prod", "Did you mean --to?", "/c v1.2.3 --to prod"),
        (parse_promote, "v1.2.3 prod —force", "not an option of /c", "/c v1.2.3 prod"),
        (parse_promote, "v1.2.3 prod --env prod", "not an option", "/c v1.2.3 staging prod"),
        (parse_promote, "v1.2.3 —to", "--to needs a value", "/c v1.2.3 --to prod"),
        (parse_promote, "v1.2.3 --to=", "--to needs a value", "/c v1.2.3 --to=prod"),
        (parse_promote, "v1.2.3 --to --allow-older", "needs a value", None),
        (parse_promote, "v1.2.3 --to prod --to dev", "--to is given twice", "/c v1.2.3 --to prod"),
        (parse_promote, "v1.2.3 prod dev --to prod", "too many", None),
        (parse_promote, "v1.2.3 --from dev", "environment", "/c v1.2.3 dev staging"),
        (parse_promote, "v1.2.3 --to prd", "Did you mean prod?", "/c v1.2.3 prod"),
        (parse_promote, "v1.2.3—to prod", "space before --to", "/c v1.2.3 --to prod"),
        (parse_promote, "v1.2.3 prod --allow-older=yes", "takes no value", None),
        (
            parse_promote,
            "v1.2.3 prod —dry-run",
            "only on the command line",
            "floe platform promote v1.2.3 --from staging --to prod --dry-run",
        ),
        (
            parse_promote,
            "v1.2.3 prd --dryrun",
            "Did you mean --dry-run?",
            "floe platform promote v1.2.3 --from staging --to prod --dry-run",
        ),
        (
            parse_promote,
            "v1.2.3 prod --wait 5m",
            "only on the command line",
            "floe platform promote v1.2.3 --from staging --to prod --wait 5m",
        ),
        (
            parse_rollback,
            "v1.2.2 prod --dry-run it is slow",
            "only on the command line",
            'floe platform rollback v1.2.2 --env prod --reason "it is slow" --dry-run',
        ),
        (parse_lock, "prod —force db", "Did you mean --for?", "/c prod 30m"),
        (parse_lock, "prod db —yes", "not an option", "/c prod db"),
        (parse_lock, "prod the “--force” flag", "not an option", None),
        (parse_lock, "prod 30m errors at -50%", "not an option", None),
        (parse_lock, "prod --30m db", "not an option", None),
        (parse_lock, "prod db —reason failover", "given twice", '/c prod --reason "db failover"'),
        (parse_lock, "prod 30m --for 2h db", "twice", "/c prod 2h db"),
        (parse_lock, "prod --env staging db", "environment is given twice", "/c staging db"),
        (parse_lock, "prod —reason “db", "quotation mark", '/c prod --reason “db"'),
        (parse_lock, 'prod --reason "db —for 2h "down"', "quotation mark", None),
        (parse_lock, "prod --reason ''", "--reason needs a value", '/c prod --reason "say why"'),
        (parse_lock, "prod --reason db—for 2h", "before --for", "/c prod --reason db --for 2h"),
        (parse_lock, "prod failover —for", "--for needs a value", "/c prod failover --for 30m"),
        (parse_lock, "prod --for 90d db", "not a valid duration", "/c prod 30m db"),
        (parse_lock, "prod db down—for 2h", "before --for", "/c prod db down --for 2h"),
        (parse_lock, "--for 30m db", "not an environment", "/c prod 30m"),
        (parse_lock, "--for 30m", "environment is missing", "/c prod 30m"),
        (parse_unlock, "prod —because done", "not an option", "/c prod done"),
        (parse_unlock, "prod --for 2h", "not an option", "/c prod 2h"),
        (parse_promotions, "prod staging", "too many", "/c prod"),
        (
            parse_promotions,
            "prod —history 5",
            "only on the command line",
            "floe platform status --env prod --history 5",
        ),
    ],
)
def test_invalid_option_is_refused_with_a_corrected_command(parse, text, why, following):
    with pytest.raises(InvalidCommandError) as refused:
        parse(text, Menu.of(DEFAULT_PATH), "/c")

    assert why in str(refused.value)
    if following:
        assert refused.value.suggestion == following


DASHES = ["-", "--", "—", "–", "――", "−", "－－", "﹣", "⸺", "‑‑"]
NAMES = ["to", "from", "env", "for", "reason", "allow-older", "force", "dry-run", "x", "2h", "Été"]
OPTION_LIKE = st.builds(
    lambda before, dashes, name, after: before + dashes + name + after,
    st.sampled_from(["", "", "", "\u200b", "“", "'", "(", "*"]),
    st.sampled_from(DASHES),
    st.sampled_from(NAMES),
    st.sampled_from(["", "", "=", "=prod", "=\u00a0x", "”"]),
)
WORDS = st.sampled_from(["v1.2.3", "prod", "staging", "30m", "for", "to", "db", "it's", "->", "-"])


def texts_of(meant) -> list[str]:
    fields = [getattr(meant, name) for name in meant.__slots__]
    return [f.reason if isinstance(f, Overrides) else f for f in fields if f]


@pytest.mark.parametrize("parse", PARSERS)
@settings(deadline=None)
@given(
    words=st.lists(WORDS, max_size=6),
    option=OPTION_LIKE,
    at=st.integers(0, 6),
    space=st.sampled_from([" ", "\u00a0", "\u2003"]),
)
def test_word_like_an_option_is_never_text(parse, words, option, at, space):
    text = space.join([*words[:at], option, *words[at:]])

    try:
        meant = parse(text, Menu.of(DEFAULT_PATH), "/c")
    except InvalidCommandError:
        return

    bare = option.strip("\u200b“”'(*").split("=")[0]
    assert not [kept for kept in texts_of(meant) if bare in kept]


@pytest.mark.parametrize("parse", PARSERS)
@settings(deadline=None)
@given(words=st.lists(WORDS | OPTION_LIKE, max_size=7))
def test_every_suggested_command_is_valid(parse, words):
    try:
        parse(" ".join(words), Menu.of(DEFAULT_PATH), "/c")
    except InvalidCommandError as refused:
        shown = refused.suggestion
    else:
        return

    if not shown.startswith("floe platform "):
        assert parse(shown.removeprefix("/c"), Menu.of(DEFAULT_PATH), "/c")


@pytest.mark.parametrize(
    ("grammar", "command"),
    [
        (PROMOTE, promote),
        (ROLLBACK, rollback),
        (LOCK, lock),
        (UNLOCK, unlock),
        (PROMOTIONS, status),
        (WAIVE, waive),
    ],
)
def test_every_command_line_option_is_known(grammar, command):
    options = [each for each in command.params if isinstance(each, click.Option)]

    slack = set(grammar.with_products.options) - set(grammar.of_products)
    known = {f"--{each.name}": bool(each.example) for each in (*slack, *grammar.command_line_only)}

    assert known == {each.opts[-1]: not each.is_flag for each in options}


@pytest.mark.parametrize("grammar", [PROMOTE, ROLLBACK, LOCK, UNLOCK])
def test_help_and_refusal_name_the_same_options(stage, grammar):
    usage = json.dumps(json.loads(stage.command(f"/{grammar.verb} help").body), ensure_ascii=False)
    refused = stage.command(f"/{grammar.verb} prod —quux").body

    for option in grammar.options:
        assert option.help in usage
        assert f"--{option.name}" in usage
        assert f"--{option.name}" in refused


def test_typographic_dash_of_a_phone_is_accepted(stage):
    stage.command("/promote v1.0.0 —to prod")

    assert stage.change(ChangeState.AWAITING_APPROVAL).target == "prod"


def test_lock_with_a_misspelled_option_is_refused(stage):
    answer = stage.command("/lock prod —fro 30m db is down")

    assert "Did you mean --for?" in answer.body
    assert "Try `/lock prod --for 30m db is down`" in answer.body
    assert stage.platform.engine.status()[2].lock is None


def test_mention_accepts_command_line_options(stage):
    text = "<@U0BOT> lock —env prod —for 2h —reason “it’s down &amp; out”"
    stage.event({"type": "app_mention", "user": BOB, "channel": DEPLOYS, "text": text})

    held = stage.eventually(lambda: stage.platform.engine.status()[2].lock)
    assert held.reason == "it’s down & out"
    assert (held.expires_at - held.at).total_seconds() == 7200


@pytest.mark.parametrize(
    "typed", ["v1.0.0 —to staging", "v1.0.0 —allow-older —reason=x —to", "—to=dev"]
)
def test_version_input_of_a_form_accepts_no_options(stage, typed):
    stage.command("/promote")
    view = stage.eventually(lambda: stage.slack.views)[-1]

    answer = stage.submit(view, ALICE, version=typed, target="prod")

    assert "version" in json.loads(answer.body)["errors"]
    assert stage.platform.store.recent(10) == ()
