"""Train: `accelerate launch train.py configs/train/demo.yaml shards=DIR run_dir=DIR`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from emotalk.training.command import leave, main

if __name__ == "__main__":
    leave(main())
