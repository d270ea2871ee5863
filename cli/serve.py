"""`floe serve`: the web page and the Slack bot in one process."""

import gc
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Thread

import click
from flask import Flask

from bot.app import Bot, run_bot
from bot.http_endpoint import slack_blueprint
from bot.tokens import Tokens
from cli import options
from cli.errors import failure_lines
from cli.products import complete_interrupted, reload_on_hangup, report_products
from cli.server_lock import sole_server
from cli.stdio import remark
from engine.bootstrap import open_products
from engine.bootstrap.observability import Backlog, new_metrics, render_metrics
from engine.config import Installation, ServerConfig, load_installation
from engine.config.error_messages import Problem, config_error
from engine.domain.errors import ConfigError, PromotionError
from engine.domain.text import printable
from engine.platform import Products
from web.lifecycle import open_web, refuse_strangers
from web.server import Server
from web.site import no_thread

# How long a server that is ended during its start waits for a slow registry.
_PATIENCE_SECONDS = 5


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True)
@options.server_file
def serve(host: str, port: int, manifest: Path) -> None:
    """Run the web page, and the Slack bot where SLACK_BOT_TOKEN is set."""
    try:
        installation = load_installation(manifest, os.environ)
        config = installation.server
        tokens = _tokens(config)
        refuse_strangers(config, host)
        signal.signal(signal.SIGTERM, _end)
        numbers = new_metrics(several=installation.several)
        with (
            sole_server(config.state_dir),
            open_products(
                installation.products,
                numbers,
                several=installation.several,
                broken=installation.broken,
                server=config,
                read=partial(load_installation, manifest, os.environ)
                if installation.several
                else None,
            ) as products,
            products.wakeups.delivered(),
            _slack(products, config, tokens) as bot,
            open_web(
                products,
                config,
                checks=_checks(bot),
                thread=_thread(bot),
                metrics=partial(render_metrics, numbers, products, _queues(bot)),
            ) as app,
        ):
            if bot and bot.socket is None:
                app.register_blueprint(slack_blueprint(bot.app))
            # A signal may arrive before the server runs.
            with suppress(KeyboardInterrupt):
                _work(products, app, host, port, _slack_mode(bot), installation)
    except PromotionError as error:
        for line in failure_lines("Not started", error):
            remark(line)
        raise click.exceptions.Exit(error.exit_code) from error


def _work(
    products: Products,
    app: Flask,
    host: str,
    port: int,
    slack_mode: str,
    installation: Installation,
) -> None:
    """Run the worker and the web server until a signal ends them."""
    server = Server(app, host, port)
    remark(f"Serving {server.url} (Slack: {slack_mode})")
    report_products(products)
    for warning in installation.warnings:
        remark(f"WARNING: {printable(warning)}")
    completing = complete_interrupted(products, installation.products)
    products.worker.start()
    reload_on_hangup(products)
    # A server lives long: it collects garbage before 100,000 objects of it are there (`main`).
    gc.freeze()
    gc.set_threshold(10_000)
    try:
        server.run()
    finally:
        # The next server runs these gates again; waiting for them could take minutes.
        products.stop_gates()
        products.worker.stop()
        _join(completing, _PATIENCE_SECONDS)


def _join(threads: Sequence[Thread], seconds: float) -> None:
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))


def _tokens(config: ServerConfig) -> Tokens | None:
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
def _slack(products: Products, server: ServerConfig, tokens: Tokens | None) -> Iterator[Bot | None]:
    """Run the bot inside the block, if there are tokens."""
    if tokens is None:
        yield None
        return
    with run_bot(products, server, tokens) as bot:
        yield bot


def _slack_mode(bot: Bot | None) -> str:
    if bot is None:
        return "off, as SLACK_BOT_TOKEN is not set"
    return "Socket Mode" if bot.socket else "HTTP"


def _thread(bot: Bot | None) -> Callable[[str], str | None]:
    """Return the function that links a change to its Slack thread."""
    return bot.thread_link if bot else no_thread


def _checks(bot: Bot | None) -> dict[str, Callable[[], str | None]]:
    """Return the checks of /readyz beside registry and store."""
    return {"slack": partial(_reached, bot)} if bot else {}


def _queues(bot: Bot | None) -> dict[str, Backlog]:
    """Return the queues of Slack for the metrics."""
    return {"slack": bot.messages.backlog} if bot else {}


def _reached(bot: Bot) -> str | None:
    """Return why Slack cannot reach this server, or None."""
    return None if bot.is_connected() else "The connection to Slack is down and being made again"


def _end(_signal: int, _frame: object) -> None:
    """End like Ctrl-C: running requests end first."""
    raise KeyboardInterrupt
