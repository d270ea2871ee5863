"""`floe serve`: the web page and the Slack bot in one process."""

import os
from pathlib import Path

import click
import waitress
from flask import Flask, Response, request
from slack_bolt import App
from slack_bolt.adapter.flask import SlackRequestHandler
from slack_sdk import WebClient

from bot.app import add_listeners
from cli import options
from engine.api import Engine
from engine.bootstrap import open_platform
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
        with open_platform(config) as engine:
            app = create_app(engine, "floe")
            talking = _add_slack(app, engine, config)
            server = waitress.create_server(app, host=host, port=port, threads=8)
            where = f"http://{server.effective_host}:{server.effective_port}/"
            click.echo(f"Serving {where} (Slack: {'on' if talking else 'off'})", err=True)
            server.run()
    except PromotionError as error:
        click.echo(f"Not started: {error}", err=True)
        raise click.exceptions.Exit(error.exit_code) from error


def _allowed(config: Config, host: str) -> None:
    """Without sign-in the page is for this machine, unless the manifest says otherwise."""
    if host not in ("127.0.0.1", "localhost", "::1") and not config.web.public:
        raise ConfigError(
            f"web.auth.mode is none, so only loopback is served and not '{host}': set "
            "web.public: true if everybody who reaches it may read it"
        )


def _add_slack(app: Flask, engine: Engine, config: Config) -> bool:
    """Answer Slack under /slack/events, over HTTP; whether its tokens are there."""
    token, secret = os.environ.get("SLACK_BOT_TOKEN"), os.environ.get("SLACK_SIGNING_SECRET")
    if not token:
        return False
    if not secret:
        raise ConfigError("SLACK_BOT_TOKEN is set without SLACK_SIGNING_SECRET: set both")
    base_url = os.environ.get("SLACK_API_URL", WebClient.BASE_URL)
    client = WebClient(token, base_url=base_url)
    slack = App(client=client, signing_secret=secret, token_verification_enabled=False)
    handler = SlackRequestHandler(add_listeners(slack, engine, config.slack.commands.promotions))

    @app.post("/slack/events")
    def slack_events() -> Response:
        answer: Response = handler.handle(request)
        return answer

    return True
