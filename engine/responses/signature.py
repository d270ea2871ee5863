"""Which signatures an artifact has, as JSON."""

from engine.domain.artifact import Digest, Tag
from engine.domain.errors import SignatureVerificationError
from engine.domain.signature import SignatureVerdict
from engine.responses.common import Document, error_document


def signature_document(
    tag: Tag, digest: Digest, verdict: SignatureVerdict, trace_id: str
) -> Document:
    error = None if verdict.verified else SignatureVerificationError(verdict.summary)
    return {
        "success": verdict.verified,
        "artifact_tag": str(tag),
        "artifact_digest": str(digest),
        "signature": {
            "mode": verdict.mode,
            "issuer": verdict.issuer,
            "subject": verdict.subject,
            "fingerprint": verdict.fingerprint,
            "problem": verdict.problem,
            "examined": [
                {"place": each.place, "refused": each.refused} for each in verdict.examined
            ],
            "notes": list(verdict.notes),
        },
        "trace_id": trace_id,
        "error": error_document(error) if error else None,
    }
