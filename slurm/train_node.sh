#!/usr/bin/env bash
# Start the launcher of one node of a training.
#   bash slurm/train_node.sh [words before the command ...] -- [words for accelerate launch ...]
# The launcher ignores both signals (exec keeps ignored signals ignored) until it installs its own handler of TERM. The
# training processes, which Slurm signals too, install their own.
set -euo pipefail
before=()
while [[ $1 != -- ]]; do
  before+=("$1")
  shift
done
shift
trap '' USR1 TERM
exec "${before[@]}" python -m accelerate.commands.launch --machine_rank "$SLURM_NODEID" "$@"
