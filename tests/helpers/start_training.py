"""Start `train.py`'s command several times in one process, which imports torch once.

    python -m tests.helpers.start_training < STARTS.json > ENDS.json

STARTS is a list of lists of words; ENDS one `[exit code, what stood on stderr]` for each.
"""

import contextlib
import io
import json
import sys

from emotalk.runs.command import main


def started(words: list[str]) -> tuple[int, str]:
    """Return exit code and stderr of one start."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        code = main(words)
    return code, said.getvalue()


if __name__ == "__main__":
    json.dump([started(words) for words in json.load(sys.stdin)], sys.stdout)
