"""The shape of every JSON answer: all fields, and what each means."""

from typing import Any

Schema = dict[str, Any]


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


def _unknown(shape: Schema) -> Schema:
    """`shape`, or null where that is not known."""
    return shape | {"type": [shape["type"], "null"]}


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
        type=text("see below"),
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
        approvals_missing=number("how many others must still agree"),
        **_FOUND,
        gate_results=many("gate, status, duration_ms, error, details, security_summary", _ANY),
        **_SIGNATURE,
        **_ASKED,
        overrides=many(
            "rules it was exempted from",
            fields(rule=text(""), finding=text("what the rule says"), reason=text("as given")),
        ),
        impact_analysis=maybe("what going to an older version undoes", "object"),
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
        approvals_missing=number("how many others must still agree"),
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
    "restore": fields(
        **_ENDED,
        environment=text("the environment"),
        reason=text("as given, or empty"),
        operator=maybe("who restored"),
        restore_id=maybe("of the record; null where latest-<env> was what the ledger says"),
        version=maybe("what the ledger says runs there"),
        artifact_digest=maybe("and its digest"),
        previous_version=maybe("what was deployed instead, where it is known"),
        previous_digest=maybe("and its digest; null where latest-<env> was gone"),
        authorized_via=maybe("the rule that let them"),
        restored_at=maybe("since when"),
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
            alignment=text(
                "empty, aligned, completing, drifted, unrecorded; unknown where it cannot be read"
            ),
            drift=_unknown(yes("the same as `drifted`")),
            drifted=_unknown(
                yes("whether latest-<env> was moved outside floe; null where not known")
            ),
            deployed_version=maybe("the version latest-<env> points to, where it is known"),
            deployed_digest=maybe("and its digest"),
            published_version=maybe(
                "the newest version of the build, in the first environment where nothing was promoted"
            ),
            expected_version=maybe("what the ledger says should run"),
            expected_digest=maybe("and its digest"),
            locked=_unknown(yes("whether it is locked now; null where not known")),
            lock=maybe("operator, reason, since, expires_at", "object"),
            registry_sync=many("how each secondary registry stands", _ANY),
            pending=_unknown(many("changes in flight; null where they cannot be read", _ANY)),
            error=_ERROR,
            history=_unknown(many("with --history: its records; null where not read", _ANY)),
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
    "sync": fields(
        success=yes("whether every secondary registry has everything now"),
        registries=many("registry, environment, status, changed, bytes_sent, errors", _ANY),
        relisted=number("records listed again that the list of referrers had lost"),
        **_LAST,
    ),
    "webhooks": fields(
        success=yes("false where something failed again that was redelivered"),
        waiting=number("still to be delivered"),
        redelivered=many("ids that were tried again"),
        failed=many(
            "what was given up",
            fields(
                id=text("stable: the receiver's webhook-id"),
                to=maybe("scheme and host; null: not configured any more"),
                event=text("promote, rollback, lock, unlock"),
                record_id=text("what it tells of"),
                created_at=text("when it was first to be told"),
                attempts=number("so far"),
                problem=maybe("why it did not arrive"),
            ),
        ),
        **_LAST,
    ),
    "changes": {
        "description": "an array of changes; `failure` instead where the command failed",
        "oneOf": [{"type": "array", "items": ref("change")}, ref("failure")],
    },
    "changes show": fields(
        success=yes("true"),
        id=text("the change or the trace ID"),
        gate=text("with --output-of; without it, the answer is a change"),
        output=text("what the gate printed, at most 64 KiB"),
        error=_ERROR,
    ),
    "change": {
        "type": "object",
        "description": "also what approve, reject and cancel answer",
        "required": ["success", "outcome", "change_id", "state", "error"],
        "properties": {
            **_ENDED,
            "change_id": text("c-…"),
            "action": text("promote or rollback"),
            "version": text("what goes, or goes back"),
            "target": text("the environment"),
            "state": text(
                "checking, awaiting_approval, executing, promoted, blocked, rejected, expired, "
                "superseded, stale, failed, cancelled"
            ),
            "requester": _ANY | {"description": "who asked"},
            "required": number("how many others must agree"),
            "missing_approvals": number("how many are still missing"),
            "approvals": many("who agreed, when, through which face", _ANY),
            "overrides": _ANY | {"description": "allow_older, override_rollback and the reason"},
            "expires_at": maybe("until when it waits"),
            "error": _ERROR,
        },
    },
    "artifact verify": fields(
        success=yes("whether a good signature was found"),
        artifact_tag=maybe("the tag it was found under"),
        artifact_digest=maybe("its digest"),
        signature=maybe("mode, issuer, subject, fingerprint, problem, examined, notes", "object"),
        **_LAST,
    ),
    "failure": {
        "type": "object",
        "required": ["error"],
        "properties": {"error": ref("error")},
    },
}
DEFINITIONS["environment"]["required"].remove("history")
