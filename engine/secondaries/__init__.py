"""Secondary registries: what they get with a change, and what repairs them."""

from engine.secondaries.outcomes import NO_COPIES, Copies
from engine.secondaries.replication import NO_SECONDARIES, MirroredSecondaries, Secondaries

__all__ = ["NO_COPIES", "NO_SECONDARIES", "Copies", "MirroredSecondaries", "Secondaries"]
