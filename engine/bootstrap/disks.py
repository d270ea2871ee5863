"""What a disk refuses, for the files that faces keep in the state directory themselves."""

from engine.adapters.disks import database_fact, way_out

__all__ = ["database_fact", "way_out"]
