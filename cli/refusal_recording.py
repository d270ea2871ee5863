"""Record a refusal after its answer was printed."""

from dataclasses import replace
from functools import partial

from cli.output import Answer
from engine.bootstrap import record_refusal
from engine.config import ProductChoice
from engine.domain.change import Change
from engine.domain.plan import Plan


def with_refusal_record(answer: Answer, manifest: ProductChoice, asked: Plan | Change) -> Answer:
    """Return `answer`, which records the refusal of `asked` on the ledger once it is printed."""
    if not answer.exit_code:
        return answer
    return replace(answer, afterwards=partial(record_refusal, manifest, asked))
