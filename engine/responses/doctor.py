"""The answer of `doctor`."""

from typing import Literal

from pydantic import Field

from engine.responses.common import Error, Response, Success, TraceId


class DiagnosisInfo(Response):
    """The result of one try on a real system."""

    system: str = Field(description="the system that was tried, like registry or Slack")
    name: str = Field(description="the feature or setting")
    verdict: Literal["passed", "warning", "failed", "not tried"] = Field(
        description="result; only `failed` ends the command with a code other than 0"
    )
    found: str = Field(description="the facts, or the reason why it was not tried")
    advice: str = Field(description="the sentence that mends it; empty if nothing is to be mended")


class DoctorResponse(Response):
    """The answer of `doctor`."""

    success: Success = Field(description="whether no try failed")
    written: bool = Field(description="whether tries that write were allowed")
    diagnoses: tuple[DiagnosisInfo, ...] = Field(description="the tries, by system")
    trace_id: TraceId
    error: Error
