"""`floe serve`: the web page and the Slack bot in one process."""

import gc
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Thread

import click
from flask import Flask

from bot.app import Bot, Tokens, run_bot
from bot.http_endpoint import slack_blueprint
from cli import options
from cli.errors import failure_lines
from cli.server_lock import sole_server
from cli.stdio import remark
from engine.bootstrap import open_engine, open_platform
from engine.bootstrap.observability import new_metrics, render_metrics
from engine.config import Config, load_config
from engine.config.error_messages import Problem, config_error
from engine.domain.errors import ConfigError, PromotionError
from engine.domain.text import printable
from engine.platform import Platform
from web.lifecycle import open_web, refuse_strangers
from web.server import Server
from web.site import no_thread

# How long a server that is ended during its start waits for a slow registry.
_PATIENCE_SECONDS = 5


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True)
@options.manifest
def serve(host: str, port: int, manifest: Path) -> None:
    """Run the web page, and the Slack bot where SLACK_BOT_TOKEN is set."""
    try:
        config = load_config(manifest, os.environ)
        tokens = _tokens(config)
        refuse_strangers(config, host)
        signal.signal(signal.SIGTERM, _end)
        numbers = new_metrics()
        with (
            sole_server(config.state_dir),
            open_engine(config, metrics=numbers, served=True) as engine,
            open_platform(config, engine) as platform,
            platform.wakeups.delivered(),
            _slack(platform, config, tokens) as bot,
            open_web(
                platform,
                config,
                checks=_checks(bot),
                thread=_thread(bot),
                metrics=partial(render_metrics, numbers, platform),
            ) as app,
        ):
            if bot and bot.socket is None:
                app.register_blueprint(slack_blueprint(bot.app))
            # A signal may arrive before the server runs.
            with suppress(KeyboardInterrupt):
                _work(platform, app, host, port, _slack_mode(bot), config.warnings)
    except PromotionError as error:
        for line in failure_lines("Not started", error):
            remark(line)
        raise click.exceptions.Exit(error.exit_code) from error


def _work(
    platform: Platform, app: Flask, host: str, port: int, slack_mode: str, warnings: tuple[str, ...]
) -> None:
    """Run the worker and the web server until a signal ends them."""
    server = Server(app, host, port)
    remark(f"Serving {server.url} (Slack: {slack_mode})")
    for warning in warnings:
        remark(f"WARNING: {printable(warning)}")
    # In a thread of its own: a slow registry must not delay the first answers.
    completing = Thread(target=platform.engine.complete_interrupted, daemon=True)
    completing.start()
    platform.worker.start()
    # A server lives long: it collects garbage before 100,000 objects of it are there (`main`).
    gc.freeze()
    gc.set_threshold(10_000)
    try:
        server.run()
    finally:
        # The next server runs these gates again; waiting for them could take minutes.
        platform.engine.stop_gates()
        platform.worker.stop()
        completing.join(_PATIENCE_SECONDS)


def _tokens(config: Config) -> Tokens | None:
    """
    Return the tokens for Slack, or None without any.

    Raises ConfigError that names every missing environment variable, for Slack and the manifest.
    """
    try:
        tokens = Tokens.from_environ(os.environ)
    except ConfigError as error:
        problem = Problem(("slack",), str(error))
        raise config_error(config.file, [*config.unset_variables, problem]) from error
    if config.unset_variables:
        raise config_error(config.file, config.unset_variables)
    return tokens


@contextmanager
def _slack(platform: Platform, config: Config, tokens: Tokens | None) -> Iterator[Bot | None]:
    """Run the bot inside the block, if there are tokens."""
    if tokens is None:
        yield None
        return
    with run_bot(platform, config, tokens) as bot:
        yield bot


def _slack_mode(bot: Bot | None) -> str:
    if bot is None:
        return "off"
    return "Socket Mode" if bot.socket else "HTTP"


def _thread(bot: Bot | None) -> Callable[[str], str | None]:
    """Return the function that links a change to its Slack thread."""
    return bot.thread_link if bot else no_thread


def _checks(bot: Bot | None) -> dict[str, Callable[[], str | None]]:
    """Return the checks of /readyz beside registry and store."""
    return {"slack": partial(_reached, bot)} if bot else {}


def _reached(bot: Bot) -> str | None:
    """Return why Slack cannot reach this server, or None."""
    return None if bot.is_connected() else "The connection to Slack is down and being made again"


def _end(_signal: int, _frame: object) -> None:
    """End like Ctrl-C: running requests end first."""
    raise KeyboardInterrupt
