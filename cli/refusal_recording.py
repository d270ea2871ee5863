"""What is put on record once a refusal was answered."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from cli.output import Answer
from engine.bootstrap import record_refusal
from engine.domain.change import Change
from engine.domain.plan import Plan


def recorded(answer: Answer, manifest: Path, asked: Plan | Change) -> Answer:
    """`answer`; afterwards what `asked` was refused for, where it was, goes to the ledger."""
    if not answer.exit_code:
        return answer
    return replace(answer, afterwards=partial(record_refusal, manifest, asked))
