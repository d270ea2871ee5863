"""The answer of `floe init`."""

from pydantic import Field

from engine.responses.common import Error, Response, Success, TraceId
from engine.responses.doctor import DiagnosisInfo


class InitResponse(Response):
    """The new files, and the commands that follow."""

    success: Success = Field(description="whether all files were written and no try failed")
    files: tuple[str, ...] = Field(description="the new files; none if the command failed")
    variables: tuple[str, ...] = Field(
        description="the environment variables with the secrets that the server needs"
    )
    diagnoses: tuple[DiagnosisInfo, ...] = Field(
        description="the tries of the doctor; none if it could not begin, and for Helm"
    )
    commands: tuple[str, ...] = Field(
        description="the next commands: publish a sample, promote it, and serve"
    )
    trace_id: TraceId
    error: Error
