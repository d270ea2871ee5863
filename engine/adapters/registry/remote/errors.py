"""Turns error responses of a registry into errors of `engine.domain.errors`."""

import json
from typing import Annotated

import httpx
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from engine.adapters.registry.remote.auth.credentials import Credential, Password
from engine.adapters.registry.remote.messages import Answer
from engine.domain.artifact import Digest
from engine.domain.errors import (
    RegistryAccessError,
    RegistryAnswerError,
    RegistryRefusalError,
)
from engine.domain.text import mask_secret_values, mask_secrets, printable

_MAX_EXPLANATION = 400
_MAX_DETAIL = 200


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


_Text = Annotated[str, BeforeValidator(_text)]


class _Problem(BaseModel):
    model_config = ConfigDict(extra="ignore")

    code: _Text = ""
    message: _Text = ""
    detail: object = None

    def __str__(self) -> str:
        text = mask_secrets(f"{self.code}: {self.message}".strip(": "))
        detail = self._detail()
        return f"{text} ({detail})" if text and detail else text or detail

    def _detail(self) -> str:
        if self.detail in (None, True, False, "", {}, [], self.code, self.message):
            return ""
        if isinstance(self.detail, str):
            return mask_secrets(self.detail)[:_MAX_DETAIL]
        return json.dumps(mask_secret_values(self.detail), ensure_ascii=False)[:_MAX_DETAIL]


class _Problems(BaseModel):
    """
    The body of an error: distribution-spec 1.1, "Error Codes". Token services answer with other
    fields: RFC 6749 section 5.2, and `details` from Docker Hub.
    """

    model_config = ConfigDict(extra="ignore")

    errors: tuple[_Problem, ...] = Field(default=(), max_length=1000)
    error: _Text = ""
    error_description: _Text = ""
    message: _Text = ""
    details: _Text = ""

    def __str__(self) -> str:
        """At most three errors; empty if there is no explanation."""
        if self.errors:
            return "; ".join(filter(None, map(str, self.errors[:3])))
        texts = (self.error, self.error_description, self.message, self.details)
        return mask_secrets(": ".join(filter(None, texts)))


def codes(answer: Answer) -> frozenset[str]:
    """The OCI error codes of `answer`; empty if its body is not an OCI error."""
    return frozenset(problem.code.upper() for problem in _problems(answer).errors)


def explanation(answer: Answer) -> str:
    """The registry's explanation on one line, truncated and without secrets; empty if none."""
    text = str(_problems(answer))
    if not text and answer.content_type == "text/plain":
        text = mask_secrets(answer.body.decode(errors="replace").strip())
    return printable(text[:_MAX_EXPLANATION])


def summary(answer: Answer) -> str:
    """The status, and the explanation if there is one."""
    return ", ".join(filter(None, (str(answer.status), explanation(answer))))


def refusal(answer: Answer) -> RegistryAccessError | RegistryRefusalError:
    """The error for an answer that is neither a success nor "absent"."""
    host, request = answer.call.host, answer.call.request
    if answer.status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return RegistryAccessError(
            f"registry {host} denies {request} ({summary(answer)}): ask its owner for access, "
            "or use other credentials in artifacts.registry.auth",
            {"status": answer.status},
        )
    hint = "check artifacts.registry.uri and the features of this registry"
    plain = answer.call.url.startswith("http:")
    if answer.status == httpx.codes.BAD_REQUEST and plain and not str(_problems(answer)):
        # TLS servers answer plain http so, without an error of the registry API.
        hint = (
            "the request used plain http: if the registry uses TLS, set "
            "artifacts.registry.insecure: false"
        )
    return RegistryRefusalError(
        f"registry {host} did not accept {request} ({summary(answer)}): {hint}",
        {"status": answer.status},
    )


def unauthorized(host: str, credential: Credential | None, reason: str) -> RegistryAccessError:
    """The error if `credential` was refused; with None, if no credentials were found."""
    if credential is None:
        return RegistryAccessError(
            f"registry {host} asks for credentials ({reason}) and none were found for it: "
            f"run `docker login {host}`, or set artifacts.registry.auth"
        )
    if isinstance(credential, Password):
        return RegistryAccessError(
            f"registry {host} refused the user name or password ({reason}) of "
            f"'{printable(credential.user)}': log in again with `docker login {host}`, "
            "or correct artifacts.registry.auth"
        )
    return RegistryAccessError(
        f"registry {host} refused the token ({reason}): it may have expired, get a new one with "
        f"`docker login {host}`, or correct artifacts.registry.auth"
    )


def expect(answer: Answer, *statuses: int) -> Answer:
    """Return `answer` if its status is one of `statuses`, else raise its error."""
    if answer.status not in statuses:
        raise refusal(answer)
    return answer


def named_digest(answer: Answer) -> Digest | None:
    """The digest in the header of `answer`; None if it is missing or has another algorithm."""
    try:
        return Digest(answer.headers.get("Docker-Content-Digest", ""))
    except ValueError:
        return None


def check_stored(answer: Answer, digest: Digest) -> None:
    """RegistryAnswerError if the registry reports another stored digest than `digest`."""
    named = named_digest(answer)
    if named not in (None, digest):
        raise RegistryAnswerError(
            f"registry {answer.call.host} stored {named} instead of {digest} "
            f"({answer.call.request}): it changes content, and cannot be used"
        )


def _problems(answer: Answer) -> _Problems:
    try:
        return _Problems.model_validate_json(answer.body)
    except ValidationError:
        return _Problems()
