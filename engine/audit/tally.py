"""What is gathered from the entries of a ledger on the way down its chain."""

from dataclasses import dataclass, field

from engine.audit.chain import Place
from engine.audit.copies import Mark
from engine.audit.remarks import Remarks
from engine.domain.artifact import Digest, Tag
from engine.domain.audit import Kind
from engine.domain.record import PromotionRecord, RollbackRecord


@dataclass(frozen=True, slots=True)
class Era:
    """The records made under one policy: their number, and the first and last of them."""

    count: int
    first: int
    last: int


@dataclass
class Tally:
    """
    `entries` are the proven ones, `digests` theirs at the places that were asked for in `wanted`;
    `tags` are what records say of tags: by which entry, and where they point. `marks` are what
    an audit backend is `compared` with.
    """

    wanted: frozenset[int]
    compared: bool = False
    entries: int = 0
    digests: dict[int, Digest] = field(default_factory=dict)
    tags: dict[Tag, tuple[int, Digest]] = field(default_factory=dict)
    policies: dict[str, Era] = field(default_factory=dict)
    marks: dict[int, Mark] = field(default_factory=dict)

    def add(self, place: Place, remarks: Remarks) -> None:
        """Take in `place`; entries come newest first."""
        record = place.entry.record
        if self.compared:
            self.marks[place.sequence] = Mark.of(record)
        if isinstance(record, PromotionRecord | RollbackRecord):
            # Also of an entry without proof: that it lacks proof is said once, not of its tag too.
            self._tag(place.sequence, record, remarks)
        if not place.proven:
            return
        self.entries += 1
        if place.sequence in self.wanted:
            self.digests[place.sequence] = place.entry.digest
        era = self.policies.get(record.policy_digest, Era(0, 0, place.sequence))
        self.policies[record.policy_digest] = Era(era.count + 1, place.sequence, era.last)

    def policy_note(self, present: str, remarks: Remarks) -> None:
        """Say once how many records were made under other policies than the `present` one."""
        others = {digest: era for digest, era in self.policies.items() if digest != present}
        if not others:
            return
        eras = others.values()
        count, last = sum(era.count for era in eras), max(era.last for era in eras)
        first = min(era.first for era in eras)
        records = f"{count} records" if count > 1 else "1 record"
        policy = f"policy {next(iter(others))[:19]}"
        policies = f"{len(others)} other policies" if len(others) > 1 else policy
        remarks.note(
            Kind.POLICY,
            f"{records} (entries {first} to {last}) were made under {policies}, and the present "
            f"one is {present[:19]}: expected where manifest.yaml was changed since, else ask who "
            "made them with another one",
            last,
        )

    def _tag(
        self, sequence: int, record: PromotionRecord | RollbackRecord, remarks: Remarks
    ) -> None:
        try:
            tag, digest = Tag(record.artifact_tag), Digest(record.artifact_digest)
        except ValueError as error:
            remarks.unfit(sequence, f"the tag in its record ({error})")
        else:
            self.tags.setdefault(tag, (sequence, digest))
