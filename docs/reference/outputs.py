"""The JSON of every command: one schema for each, and the page that shows them."""

from typing import Any

Schema = dict[str, Any]
_HEAD = """# JSON of every command

<!-- Written by `make reference`. -->

With `--output json` stdout has one document and nothing else, also when the command fails: then `success` is false and `error` says why. Times
are ISO 8601 with their zone, digests `sha256:…`. Fields may be added; none is renamed or removed. As JSON Schema:
[outputs.json](../schema/outputs.json), one definition for each command.

`error` is `null` or

| field | type | meaning |
|---|---|---|
{error}
"""


def text(meaning: str) -> Schema:
    return {"type": "string", "description": meaning}


def maybe(meaning: str, kind: str = "string") -> Schema:
    return {"type": [kind, "null"], "description": meaning}


def yes(meaning: str) -> Schema:
    return {"type": "boolean", "description": meaning}


def number(meaning: str) -> Schema:
    return {"type": "integer", "description": meaning}


def many(meaning: str, items: Schema | None = None) -> Schema:
    return {"type": "array", "items": items or {"type": "string"}, "description": meaning}


def fields(**properties: Schema) -> Schema:
    """An object with all of these and no others."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


def ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


_ANY: Schema = {"type": "object"}
_TRACE = text("32 hex digits; the same in record, webhook and span")
_ERROR: Schema = {"oneOf": [{"type": "null"}, ref("error")], "description": "why not, or null"}
_ENDED = {
    "success": yes("whether what was asked for is so now"),
    "outcome": text(
        "promoted, rolled_back, locked, unlocked, unchanged, blocked, pending, failed, …"
    ),
}
_FOUND = {
    "findings": many(
        "what each check said", fields(check=text(""), outcome=text(""), reason=text(""))
    ),
}
_ASKED = {
    "operator": maybe("who asked"),
    "authorized_via": maybe("the rule that let them"),
}
_WRITTEN = {
    "tags": many("tags written, or to be written"),
    "registry_sync": many("how each secondary registry ended up", _ANY),
    "warnings": many("what did not stop it and should be known"),
}
_LAST = {"trace_id": _TRACE, "error": _ERROR}
_SIGNATURE = {"signature": maybe("mode, issuer, subject and fingerprint of what counted", "object")}

DEFINITIONS: dict[str, Schema] = {
    "error": fields(
        type=text("the class of the error"),
        reason_code=text("stable, for programs"),
        message=text("a sentence for people"),
        exit_code=number("as the command exits"),
        details=_ANY | {"description": "what the sentence names, by field"},
    ),
    "promote": fields(
        **_ENDED,
        promotion_id=maybe("of the record; null where nothing was recorded"),
        change_id=maybe("where approvals are needed: c-…"),
        artifact_digest=maybe("what is promoted"),
        artifact_tag=maybe("the immutable tag"),
        version=text("as asked for"),
        source_environment=maybe("where it comes from"),
        target_environment=text("where it goes"),
        **_FOUND,
        gate_results=many("gate, status, duration_ms, error, details, security_summary", _ANY),
        **_SIGNATURE,
        **_ASKED,
        **_WRITTEN,
        promoted_at=maybe("when the record was made"),
        dry_run=yes("whether this was a dry run"),
        **_LAST,
    ),
    "rollback": fields(
        **_ENDED,
        rollback_id=maybe("of the record"),
        change_id=maybe("where approvals are needed: c-…"),
        artifact_digest=maybe("what runs afterwards"),
        artifact_tag=maybe("<version>-<env>-rollback-<n>"),
        environment=text("the environment"),
        version=text("as asked for"),
        previous_version=maybe("what ran before"),
        previous_digest=maybe("and its digest"),
        reason=text("as given"),
        **_ASKED,
        impact_analysis=maybe("what going back undoes", "object"),
        **_FOUND,
        **_SIGNATURE,
        **_WRITTEN,
        rolled_back_at=maybe("when the record was made"),
        dry_run=yes("whether this was a dry run"),
        **_LAST,
    ),
    "lock": fields(
        **_ENDED,
        environment=text("the environment"),
        reason=text("as given"),
        operator=maybe("who locked"),
        lock_id=maybe("of the record"),
        locked_at=maybe("since when"),
        expires_at=maybe("until when; null: until somebody unlocks"),
        **_FOUND,
        warnings=_WRITTEN["warnings"],
        **_LAST,
    ),
    "unlock": fields(
        **_ENDED,
        environment=text("the environment"),
        reason=text("as given"),
        operator=maybe("who unlocked"),
        unlock_id=maybe("of the record; null where it was not locked"),
        locked_by=maybe("who had locked it"),
        locked_reason=maybe("and why"),
        authorized_via=maybe("the rule that let them"),
        unlocked_at=maybe("since when"),
        **_FOUND,
        warnings=_WRITTEN["warnings"],
        **_LAST,
    ),
    "status": {
        "description": "an array, one environment each; `null` where the command failed is "
        "`failure` instead",
        "oneOf": [{"type": "array", "items": ref("environment")}, ref("failure")],
    },
    "environment": {
        **fields(
            environment=text("its name"),
            version=maybe("what the ledger says runs there"),
            digest=maybe("and its digest"),
            record=maybe("the record that says so"),
            operator=maybe("who promoted it"),
            since=maybe("since when"),
            latest_digest=maybe("where latest-<env> points"),
            alignment=text("aligned, completing, drifted, unrecorded, …"),
            drift=yes("whether the tag and the ledger disagree"),
            locked=yes("whether it is locked now"),
            lock=maybe("operator, reason, since, expires_at", "object"),
            registry_sync=many("how each secondary registry stands", _ANY),
            pending=many("changes in flight", _ANY),
            history=many("with --history: its records", _ANY),
        ),
    },
    "audit verify": fields(
        success=yes("whether all ledgers are sound"),
        environments=many("what was found", _ANY),
        **_LAST,
    ),
    "audit history": fields(
        success=yes("whether the ledger could be read"),
        records=many("environment, sequence, record_digest and the record itself", _ANY),
        **_LAST,
    ),
    "failure": {
        "type": "object",
        "required": ["error"],
        "properties": {"error": ref("error")},
    },
}
DEFINITIONS["environment"]["required"].remove("history")
_COMMANDS = ("promote", "rollback", "lock", "unlock", "status", "audit verify", "audit history")


def outputs_schema() -> Schema:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "JSON of floe's commands",
        "$defs": DEFINITIONS,
    }


def outputs_page() -> str:
    parts = [_HEAD.format(error="\n".join(_rows(DEFINITIONS["error"])))]
    for name in _COMMANDS:
        shown = DEFINITIONS["environment" if name == "status" else name]
        about = ["An array, one for each environment:", ""] if name == "status" else []
        head = [
            f"## floe platform {name}",
            "",
            *about,
            "| field | type | meaning |",
            "|---|---|---|",
        ]
        parts.append("\n".join([*head, *_rows(shown), ""]))
    return "\n".join(parts)


def _rows(schema: Schema) -> list[str]:
    return [
        f"| `{name}` | {_kind(value)} | {value.get('description', '')} |"
        for name, value in schema["properties"].items()
    ]


def _kind(value: Schema) -> str:
    if "oneOf" in value:
        return "see above"
    kinds = value["type"] if isinstance(value["type"], list) else [value["type"]]
    return " or ".join(kinds)
