"""Change checkpoints in place, and make their hashes fit again."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def rewrite_state(checkpoint: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Let `change` alter the counters of a checkpoint, in place."""
    path, sums = checkpoint / "state.json", checkpoint / "SHA256SUMS"
    state = json.loads(path.read_text(encoding="utf-8"))
    change(state)
    path.write_text(json.dumps(state), encoding="utf-8")
    kept = [
        line
        for line in sums.read_text(encoding="utf-8").splitlines()
        if not line.endswith("state.json")
    ]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    sums.write_text("\n".join([*kept, f"{digest}  state.json"]) + "\n", encoding="utf-8")
