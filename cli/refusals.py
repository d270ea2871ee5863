"""What is put on record once a refusal was answered."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from cli.answer import Answer
from engine.bootstrap import record_refusal
from engine.domain.plan import Plan


def recorded(answer: Answer, manifest: Path, plan: Plan) -> Answer:
    """`answer`, and afterwards the refusal of `plan`, where it is one, goes to the ledger."""
    if plan.error is None:
        return answer
    return replace(answer, afterwards=partial(record_refusal, manifest, plan))
