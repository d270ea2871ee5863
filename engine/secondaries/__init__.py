"""Secondary registries: replication of changes, and repair."""

from engine.secondaries.outcomes import NO_COPIES, Copies
from engine.secondaries.replication import NO_SECONDARIES, MirroredSecondaries, Secondaries

__all__ = ["NO_COPIES", "NO_SECONDARIES", "Copies", "MirroredSecondaries", "Secondaries"]
