"""The JSON schema of every command, and the page that documents them."""

import json
import re
from functools import reduce
from operator import or_
from typing import Any, get_args, get_origin

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from cli.output import InterruptedRunError
from cli.remote.errors import ServerUnavailableError
from engine.domain import errors, release_errors
from engine.domain.errors import PromotionError, RegistryError, UnavailableError
from engine.responses.audit import AcceptResponse, AuditResponse
from engine.responses.change import ChangeResponse, ChangesResponse, GateOutputResponse
from engine.responses.checkpoints import CheckpointsResponse, ExportResponse
from engine.responses.common import ErrorResponse, FailureResponse
from engine.responses.deployments import ReportedResponse, RolloutResponse
from engine.responses.diff import VersionDiffResponse
from engine.responses.doctor import DoctorResponse
from engine.responses.dora import DoraResponse
from engine.responses.freeze import (
    AcknowledgeResponse,
    LockResponse,
    ReleaseResponse,
    RestoreResponse,
    ReviewResponse,
    UnlockResponse,
    UnwaiveResponse,
)
from engine.responses.init import InitResponse
from engine.responses.keys import KeyResponse, RotationsResponse
from engine.responses.manifest import (
    ManifestCheckResponse,
    ManifestDiffResponse,
    ManifestShowResponse,
)
from engine.responses.page import PageResponse
from engine.responses.policy import PolicyResponse
from engine.responses.product import ProductsResponse
from engine.responses.promotion import PromotionResponse
from engine.responses.record import HistoryResponse
from engine.responses.reload import ReloadResponse
from engine.responses.repair import RepairResponse
from engine.responses.retention import RetentionResponse
from engine.responses.rollback import RollbackResponse
from engine.responses.signature import PullResponse, SignatureResponse
from engine.responses.state import AdoptionResponse, RebuildResponse, StateResponse
from engine.responses.statements import StatementsResponse
from engine.responses.status import (
    EnvironmentHistoryResponse,
    EnvironmentResponse,
    WindowsResponse,
)
from engine.responses.sync import SyncResponse
from engine.responses.verdict import VerdictResponse
from engine.responses.versions import VersionsResponse
from engine.responses.waivers import WaiversResponse
from engine.responses.webhooks import WebhooksResponse
from engine.responses.whoami import WhoamiResponse
from web.authentication import UnauthenticatedError
from web.concurrency_limit import BusyError
from web.csrf import ForgedRequestError
from web.site import BrokenProductError, NoSuchPageError

Schema = dict[str, Any]
_BASES = (RegistryError, UnavailableError)
_OF_INTERFACES = (
    InterruptedRunError,
    ServerUnavailableError,
    UnauthenticatedError,
    ForgedRequestError,
    NoSuchPageError,
    BrokenProductError,
    BusyError,
)

_HEAD = """# JSON of every command

<!-- Written by `make reference`. -->

With `--output json`, stdout has exactly one document, even if the command fails. Each is an object with `success`, `trace_id` and `error`, which
has the reason if `success` is false. A list is in the field of its name: `jq '.changes[].change_id'`, `jq '.records[].version'`. Only
`floe platform status` prints an array of environments, and an object when it fails. Times
are in ISO 8601 with their zone, digests are `sha256:…`. New versions may add fields, and never rename or remove one. The JSON Schema is
[outputs.json](../schema/outputs.json), with one definition for each command.

Types with a link are described at the end of this page.

## Error types

One row for each `error.type`: `exit` is the exit code of a command, `HTTP` the status of an API response. Errors that end a change
(exit code 15) are also the error of every later decision about it; a `StaleError` lists the differences in `details.differences`.

| type | reason_code | exit | HTTP | meaning |
|---|---|---|---|---|
{types}
"""
# The answers of each command, the one on success first. A list is an array of any length.
ANSWERS: dict[str, tuple[Any, ...]] = {
    "init": (InitResponse,),
    "login": (WhoamiResponse,),
    "logout": (WhoamiResponse,),
    "whoami": (WhoamiResponse,),
    "doctor": (DoctorResponse,),
    "platform promote": (PromotionResponse,),
    "platform rollback": (RollbackResponse,),
    "platform lock": (LockResponse,),
    "platform unlock": (UnlockResponse,),
    "platform restore": (RestoreResponse,),
    "platform waive": (ChangeResponse, FailureResponse),
    "platform unwaive": (UnwaiveResponse,),
    "platform release": (ReleaseResponse,),
    "platform retention": (RetentionResponse,),
    "platform waivers": (WaiversResponse,),
    "platform versions": (VersionsResponse,),
    "platform diff": (VersionDiffResponse,),
    "platform changes": (ChangesResponse,),
    "platform changes show": (ChangeResponse, GateOutputResponse, FailureResponse),
    "platform approve": (ChangeResponse, FailureResponse),
    "platform reject": (ChangeResponse, FailureResponse),
    "platform cancel": (ChangeResponse, FailureResponse),
    "platform reschedule": (ChangeResponse, FailureResponse),
    "platform status": (
        list[EnvironmentHistoryResponse | EnvironmentResponse],
        ErrorResponse,
    ),
    "platform status --all": (ProductsResponse,),
    "platform open": (PageResponse,),
    "platform windows": (WindowsResponse,),
    "platform dora": (DoraResponse, ErrorResponse),
    "platform attest": (StatementsResponse,),
    "platform sync": (SyncResponse,),
    "platform webhooks": (WebhooksResponse,),
    "platform audit verify": (AuditResponse,),
    "platform review": (ReviewResponse,),
    "platform audit accept": (AcceptResponse,),
    "platform audit acknowledge": (AcknowledgeResponse,),
    "platform audit checkpoint": (CheckpointsResponse,),
    "platform audit export": (ExportResponse,),
    "platform audit policy": (PolicyResponse,),
    "platform audit repair": (RepairResponse,),
    "platform audit history": (HistoryResponse,),
    "artifact verify": (SignatureResponse, ErrorResponse),
    "artifact pull": (PullResponse, ErrorResponse),
    "manifest check": (ManifestCheckResponse,),
    "manifest diff": (ManifestDiffResponse,),
    "manifest show": (ManifestShowResponse,),
    "keys generate": (KeyResponse, ErrorResponse),
    "keys show": (KeyResponse, ErrorResponse),
    "keys rotate": (RotationsResponse,),
    "state adopt": (AdoptionResponse, ErrorResponse),
    "state migrate": (StateResponse, ErrorResponse),
    "state rebuild": (RebuildResponse, ErrorResponse),
    "GET /api/v1/deployments": (list[RolloutResponse], FailureResponse),
    "POST /api/v1/deployments": (ReportedResponse, FailureResponse),
    "GET /api/v1/verdict": (VerdictResponse, FailureResponse),
    "POST /-/reload": (ReloadResponse, FailureResponse),
}


class _WithoutTitles(GenerateJsonSchema):
    """JSON Schema without titles: they would repeat the names of the fields."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's name
        return False


def outputs_schema() -> Schema:
    kinds = {name.removeprefix("platform "): reduce(or_, of) for name, of in ANSWERS.items()}
    by_name, definitions = TypeAdapter.json_schemas(
        [(name, "serialization", TypeAdapter(kind)) for name, kind in kinds.items()],
        schema_generator=_WithoutTitles,
    )
    commands = {name: by_name[name, "serialization"] for name in kinds}
    # Pydantic may add models that no answer has, if they are built for the first time here.
    used = _used(commands, definitions["$defs"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "JSON of floe's commands",
        "$defs": {name: each for name, each in definitions["$defs"].items() if name in used}
        | commands,
    }


def _used(schema: Any, definitions: Schema) -> set[str]:
    """Find the definitions to which `schema` refers, also through others."""
    waiting, found = _references(schema), set[str]()
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= _references(definitions[name]) - found
    return found


def _references(schema: Any) -> set[str]:
    return set(re.findall(r'"#/\$defs/([^"]+)"', json.dumps(schema)))


def outputs_page() -> str:
    definitions = outputs_schema()["$defs"]
    nested = {name for name, schema in definitions.items() if "properties" in schema}
    parts = [_HEAD.format(types="\n".join(map(_error_row, _errors())))]
    for command, answers in ANSWERS.items():
        title = command if command.startswith("POST") else f"floe {command}"
        parts.append(f"## {title}\n\n{' or '.join(map(_answer, answers))}.\n")
        for model, *_ in map(_models, answers):
            if model in nested:
                parts.append(_section(model, definitions))
            nested.discard(model)
    parts.append("## Values inside the answers\n")
    parts += [_section(name, definitions) for name in sorted(nested)]
    return "\n".join(parts)


def _answer(kind: Any) -> str:
    array = "An array, each element: " if get_origin(kind) is list else ""
    return array + _link(_models(kind)[0])


def _models(kind: Any) -> list[str]:
    """The model of an answer, or those of the elements of an array: the first has all fields."""
    elements = get_args(kind)
    kinds = (get_args(elements[0]) or elements) if elements else (kind,)
    return [each.__name__ for each in kinds]


def _errors() -> list[type[PromotionError]]:
    """The error classes that are raised, by exit code, then those of the interfaces."""
    named = {**vars(errors), **vars(release_errors)}
    known = [each for each in named.values() if isinstance(each, type)]
    raised = [each for each in known if issubclass(each, PromotionError) and each not in _BASES]
    return [*sorted(raised, key=lambda each: each.exit_code), *_OF_INTERFACES]


def _error_row(kind: type[PromotionError]) -> str:
    meaning = next(filter(None, (kind.__doc__ or "").splitlines())).strip()
    codes = f"`{kind.reason_code}` | {kind.exit_code} | {kind.http_status}"
    return f"| `{kind.kind}` | {codes} | {meaning} |"


def _section(name: str, definitions: Schema) -> str:
    schema = definitions[name]
    about = schema.get("description", "").partition("\n\n")[0]
    head = [f"### {name}", "", about, "", "| field | type | meaning |", "|---|---|---|"]
    rows = [
        f"| `{field}` | {_kind(value, definitions)} | {value.get('description', '')} |"
        for field, value in schema["properties"].items()
    ]
    return "\n".join([*head, *rows, ""])


def _kind(value: Schema, definitions: Schema) -> str:
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(_kind(each, definitions) for each in value["anyOf"]))
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        target = definitions[name]
        return _link(name) if "properties" in target else _kind(target, definitions)
    if "items" in value:
        return f"array of {_kind(value['items'], definitions)}"
    if "enum" in value:
        return ", ".join(f"`{each}`" for each in value["enum"])
    return f"`{value['const']}`" if "const" in value else str(value.get("type", "any"))


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"
