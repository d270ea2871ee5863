"""What a registry says when it does not do what was asked, as our errors."""

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

_MAX_WORDS = 400
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
        said = mask_secrets(f"{self.code}: {self.message}".strip(": "))
        detail = self._detail()
        return f"{said} ({detail})" if said and detail else said or detail

    def _detail(self) -> str:
        if self.detail in (None, True, False, "", {}, [], self.code, self.message):
            return ""
        if isinstance(self.detail, str):
            return mask_secrets(self.detail)[:_MAX_DETAIL]
        return json.dumps(mask_secret_values(self.detail), ensure_ascii=False)[:_MAX_DETAIL]


class _Problems(BaseModel):
    """
    The body of an error: distribution-spec 1.1, "Error Codes". Beside it, what token services
    answer: RFC 6749 section 5.2, and `details` as Docker Hub's does.
    """

    model_config = ConfigDict(extra="ignore")

    errors: tuple[_Problem, ...] = Field(default=(), max_length=1000)
    error: _Text = ""
    error_description: _Text = ""
    message: _Text = ""
    details: _Text = ""

    def __str__(self) -> str:
        """At most three errors; empty when there is no explanation."""
        if self.errors:
            return "; ".join(filter(None, map(str, self.errors[:3])))
        said = (self.error, self.error_description, self.message, self.details)
        return mask_secrets(": ".join(filter(None, said)))


def codes(answer: Answer) -> frozenset[str]:
    """The OCI error codes of `answer`; empty when its body is no OCI error."""
    return frozenset(problem.code.upper() for problem in _problems(answer).errors)


def explanation(answer: Answer) -> str:
    """The registry's explanation on one line, bounded, without secrets; empty without one."""
    said = str(_problems(answer))
    if not said and answer.content_type == "text/plain":
        said = mask_secrets(answer.body.decode(errors="replace").strip())
    return printable(said[:_MAX_WORDS])


def words(answer: Answer) -> str:
    """The status and, where there is one, the explanation."""
    return ", ".join(filter(None, (str(answer.status), explanation(answer))))


def refused(answer: Answer) -> RegistryAccessError | RegistryRefusalError:
    """The error for an answer that is neither what was asked for nor "absent"."""
    host, doing = answer.call.host, answer.call.doing
    if answer.status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return RegistryAccessError(
            f"registry {host} denies {doing} ({words(answer)}): ask its owner for that right, "
            "or use other credentials in artifacts.registry.auth"
        )
    way_out = "check artifacts.registry.uri and what this registry supports"
    plain = answer.call.url.startswith("http:")
    if answer.status == httpx.codes.BAD_REQUEST and plain and not str(_problems(answer)):
        # What servers that speak TLS answer, and never with an error of the registry's API.
        way_out = (
            "it was asked over plain http: if it speaks TLS, set artifacts.registry.insecure: false"
        )
    return RegistryRefusalError(
        f"registry {host} did not accept {doing} ({words(answer)}): {way_out}"
    )


def unauthorized(host: str, credential: Credential | None, said: str) -> RegistryAccessError:
    """The error for `credential` (None: nothing was found to show) being turned away."""
    if credential is None:
        return RegistryAccessError(
            f"registry {host} asks for credentials ({said}) and none were found for it: "
            f"run `docker login {host}`, or set artifacts.registry.auth"
        )
    if isinstance(credential, Password):
        return RegistryAccessError(
            f"registry {host} refused the user name or password ({said}) of "
            f"'{printable(credential.user)}': log in again with `docker login {host}`, "
            "or correct artifacts.registry.auth"
        )
    return RegistryAccessError(
        f"registry {host} refused the token ({said}): it may have expired, get a new one with "
        f"`docker login {host}`, or correct artifacts.registry.auth"
    )


def expect(answer: Answer, *statuses: int) -> Answer:
    """`answer`, if its status is one of `statuses`; else it is raised as an error."""
    if answer.status not in statuses:
        raise refused(answer)
    return answer


def named_digest(answer: Answer) -> Digest | None:
    """The digest the registry names; None when it names none, or in another algorithm."""
    try:
        return Digest(answer.headers.get("Docker-Content-Digest", ""))
    except ValueError:
        return None


def check_stored(answer: Answer, digest: Digest) -> None:
    """RegistryAnswerError when the registry says that it stored something else than `digest`."""
    named = named_digest(answer)
    if named not in (None, digest):
        raise RegistryAnswerError(
            f"registry {answer.call.host} stored {named} instead of {digest} "
            f"({answer.call.doing}): it changes content, and cannot be used"
        )


def _problems(answer: Answer) -> _Problems:
    try:
        return _Problems.model_validate_json(answer.body)
    except ValidationError:
        return _Problems()
