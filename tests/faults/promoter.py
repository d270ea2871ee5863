"""A process that promotes its share of the versions, one after the other, until it is killed."""

import sys
from pathlib import Path

from engine.adapters.registry.credentials import anonymous
from engine.adapters.registry.remote import open_registry
from engine.domain.errors import TagExistsError
from tests.scenarios.engines import engine_on, promote


def main(host: str, repository: str, folder: str, *versions: str) -> None:
    registry = open_registry(
        host, repository, credentials=anonymous, scheme="http", timeout_seconds=60
    )
    with engine_on(registry, Path(folder), lease_seconds=100) as engine:
        for version in versions:
            result = promote(engine, version, "staging")
            # The process before this one did it, died before it said so, and others went on.
            if result.error and not isinstance(result.error, TagExistsError):
                raise result.error
            print(version, flush=True)
    registry.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
