"""A process that promotes its share of the versions in order, until it is killed."""

import sys
from pathlib import Path

from engine.adapters.registry.remote.auth.sources import anonymous
from engine.adapters.registry.remote.factory import open_registry
from engine.api import Engine
from engine.domain.overrides import Overrides
from engine.domain.record import PromotionRecord
from tests.scenarios.engines import engine_on, promote

# Four processes promote side by side, so an older version may follow a newer one.
ANY_ORDER = Overrides(allow_older=True, reason="promoted side by side")


def recorded(engine: Engine) -> set[str]:
    records = (entry.record for entry in engine.history("staging", 1000))
    return {record.version for record in records if isinstance(record, PromotionRecord)}


def main(host: str, repository: str, folder: str, *versions: str) -> None:
    registry = open_registry(
        host, repository, credentials=anonymous, scheme="http", timeout_seconds=60
    )
    with engine_on(registry, Path(folder), lease_seconds=100) as engine:
        # The previous process may have promoted the first version and died before it reported it.
        done = versions[:1] if set(versions[:1]) & recorded(engine) else ()
        if done:
            engine.complete_interrupted()
        for version in versions:
            if version not in done:
                result = promote(engine, version, "staging", overrides=ANY_ORDER)
                if result.error:
                    raise result.error
            print(version, flush=True)
    registry.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
