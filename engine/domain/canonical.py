"""Canonical JSON: equal values give equal bytes."""

import json
from typing import Any


def canonical_json(value: Any) -> bytes:
    """Serialize with sorted keys, no spaces, UTF-8 and no NaN; enough for values without floats."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()
