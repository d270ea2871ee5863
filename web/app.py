"""The web face: what runs where, read through the engine's front door."""

from flask import Flask, Response, make_response, render_template

from engine.api import Engine
from engine.domain.errors import PromotionError

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def create_app(engine: Engine, name: str) -> Flask:
    """The page for the platform called `name`."""
    app = Flask("web")

    @app.get("/")
    def index() -> Response:
        try:
            rows = engine.status()
        except PromotionError as error:
            return make_response(render_template("unavailable.html", name=name, error=error), 503)
        return make_response(render_template("index.html", name=name, rows=rows))

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.after_request
    def secure(response: Response) -> Response:
        response.headers.update(_HEADERS)
        return response

    return app
