"""Train: `accelerate launch train.py configs/train/demo.yaml shards=DIR run_dir=DIR`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

if __name__ == "__main__":
    from emotalk.runs.signals import StopSignals, named_run_dir

    signals = StopSignals(named_run_dir(sys.argv[1:]))
    signals.install()  # before the imports below: they take seconds

    from emotalk.home import ensure_home
    from emotalk.openmp import choose_waiting

    ensure_home()
    choose_waiting()  # before torch loads

    from emotalk.runs.command import leave, main

    leave(main(signals=signals))
