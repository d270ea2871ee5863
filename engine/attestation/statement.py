"""
Statements about an artifact: a subject, and a predicate of a named type.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
"""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from engine.attestation.refusal import Refused
from engine.attestation.wire import Wire, parse
from engine.domain.artifact import Digest
from engine.domain.canonical import canonical_json

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"


class Subject(Wire):
    name: str = ""
    digest: dict[str, str]


class Statement(Wire):
    type: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: tuple[Subject, ...]
    predicate_type: str
    predicate: dict[str, Any]

    @property
    def digest(self) -> Digest:
        """The digest of the only subject; Refused if there are others, or none."""
        if len(self.subject) != 1:
            raise Refused(f"its statement has {len(self.subject)} subjects instead of one")
        try:
            return Digest(f"sha256:{self.subject[0].digest.get('sha256')}")
        except ValueError as error:
            raise Refused("the subject of its statement has no sha256 digest") from error

    def names(self, digest: Digest) -> bool:
        """Whether a subject is the artifact `digest`."""
        return any(each.digest.get("sha256") == digest.hex for each in self.subject)


def predicate_type(kind: str, environment: str) -> str:
    """
    Name the type of the statements about records of `kind` in `environment`.

    The environment is part of it, since admission controllers select statements by type only.
    """
    return f"https://floe.dev/{kind}/{environment}/v1"


def make_statement(
    name: str, digest: Digest, kind: str, predicate: dict[str, Any], also: Sequence[Digest] = ()
) -> bytes:
    """
    Serialize a statement of the type `kind` about the artifact `digest` in repository `name`, and
    about those in `also`.
    """
    return canonical_json(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": name, "digest": {"sha256": each.hex}} for each in (digest, *also)],
            "predicateType": kind,
            "predicate": predicate,
        }
    )


def read_statement(payload: bytes) -> Statement:
    """Parse a statement; Refused if it is not one."""
    return parse(Statement, payload, "its statement")
