"""`floe serve`: the web page and the Slack bot in one process."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import waitress
from flask import Flask

from bot.app import Tokens, running
from bot.http import blueprint
from cli import options
from engine.api import Platform
from engine.bootstrap import in_flight, open_platform
from engine.config import Config, load_config
from engine.domain.errors import ConfigError, PromotionError
from web.app import create_app


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True)
@options.manifest
def serve(host: str, port: int, manifest: Path) -> None:
    """Run the web page, and the Slack bot where SLACK_BOT_TOKEN is set."""
    try:
        config = load_config(manifest, os.environ)
        _allowed(config, host)
        signal.signal(signal.SIGTERM, _end)
        with open_platform(config) as engine, in_flight(config, engine) as platform:
            app = create_app(engine, "floe")
            with _slack(app, platform, config) as talking:
                platform.worker.start()
                try:
                    _serve(app, host, port, talking)
                finally:
                    platform.worker.stop()
    except PromotionError as error:
        click.echo(f"Not started: {error}", err=True)
        raise click.exceptions.Exit(error.exit_code) from error


def _serve(app: Flask, host: str, port: int, talking: str) -> None:
    # A request of Slack holds its thread only until it is acknowledged.
    server = waitress.create_server(app, host=host, port=port, threads=16)
    where = f"http://{server.effective_host}:{server.effective_port}/"
    click.echo(f"Serving {where} (Slack: {talking})", err=True)
    server.run()


def _allowed(config: Config, host: str) -> None:
    """Without sign-in the page is for this machine, unless the manifest says otherwise."""
    if host not in ("127.0.0.1", "localhost", "::1") and not config.web.public:
        raise ConfigError(
            f"web.auth.mode is none, so only loopback is served and not '{host}': set "
            "web.public: true if everybody who reaches it may read it"
        )


@contextmanager
def _slack(app: Flask, platform: Platform, config: Config) -> Iterator[str]:
    """The bot at work, its requests answered by `app` unless it connects by itself; what it is."""
    tokens = Tokens.of(os.environ)
    if tokens is None:
        yield "off"
        return
    with running(platform, config, tokens) as bot:
        if bot.socket is None:
            app.register_blueprint(blueprint(bot.app))
        yield "Socket Mode" if bot.socket else "HTTP"


def _end(_signal: int, _frame: object) -> None:
    """As Ctrl-C: what is under way ends first."""
    raise KeyboardInterrupt
