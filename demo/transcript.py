"""Put the demo's transcript into the README: `python -m demo.transcript`."""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
_PLACE = re.compile(r"(<!-- transcript -->\n).*?(<!-- /transcript -->)", re.DOTALL)


def main() -> None:
    command = [sys.executable, "-m", "demo.run"]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    block = f"```\n$ make demo\n{ran.stdout}```\n"
    text = README.read_text()
    README.write_text(_PLACE.sub(lambda m: m[1] + block + m[2], text))


if __name__ == "__main__":
    main()
