"""Errors as responses: a page for people, an `error` document for programs."""

from flask import Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException, SecurityError

from engine.domain.errors import PromotionError, UsageError
from engine.domain.trace import trace_id
from engine.responses.common import FailureResponse
from web.refusal_texts import explain, heading, next_step
from web.site import NoSuchPageError

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def answer_failures(app: Flask) -> None:
    """Install error handlers: pages under page URLs, JSON under API URLs."""
    app.register_error_handler(PromotionError, _promotion_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(SecurityError, _untrusted_host)


def _untrusted_host(_error: SecurityError) -> Response:
    """Answer an unknown host in plain text: templates need a valid host."""
    said = "This page is served under the name of this machine only, or under web.base_url\n"
    return Response(said, 400, content_type="text/plain; charset=utf-8")


def _promotion_error(error: PromotionError) -> Response:
    return _answer(error, error.http_status)


def _http_error(error: HTTPException) -> Response | HTTPException:
    if error.code is None or error.code < 400:
        return error
    said = {
        404: "No page has this address",
        405: "This address does not support that method",
        413: "The request is too large",
    }
    kind = NoSuchPageError if error.code == 404 else UsageError
    message = said.get(error.code) or error.description or error.name
    answer = _answer(kind(message), error.code)
    for name, value in error.get_headers():
        if name == "Allow":
            answer.headers[name] = value
    return answer


def _answer(error: PromotionError, status: int) -> Response:
    if _for_programs():
        trace = trace_id(request.headers.get("traceparent"))
        answer = jsonify(FailureResponse.of(error, trace).document())
    else:
        said = explain(error)
        words = {"heading": heading(error, status), "said": said, "next": next_step(error)}
        answer = Response(render_template("error.html", status=status, **words))
    answer.status_code = status
    if status == 401 and _for_programs():
        answer.headers["WWW-Authenticate"] = 'Bearer realm="floe"'
    if status == 503:
        answer.headers["Retry-After"] = "5"
    return answer


def _for_programs() -> bool:
    if request.path.startswith("/-/"):
        return request.mimetype not in _FORMS
    return request.path.startswith(("/api/", "/readyz", "/openapi.json", "/events"))
