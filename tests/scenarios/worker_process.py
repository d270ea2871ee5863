"""A worker process to kill: `python -m tests.scenarios.worker_process DIRECTORY`."""

import sys
import threading
from pathlib import Path

from engine.adapters.registry.layout.registry import LayoutRegistry
from tests.conftest import Place
from tests.scenarios.changing import stage_on
from tests.scenarios.waiting import PACE, waiting_path


def main(folder: Path) -> None:
    place = Place(LayoutRegistry(folder / "registry"), lambda artifact, tag: None)
    with stage_on(place, folder, waiting_path(), PACE) as stage:
        stage.platform.worker.start()
        print("working", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
