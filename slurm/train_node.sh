#!/usr/bin/env bash
# Start the launcher of one node of a training.
#   bash slurm/train_node.sh [words before the command ...] -- [words for accelerate launch ...]
# The launcher ignores both signals, as its parent does, until it installs its own handler of TERM. The training
# processes, which Slurm signals too, install their own. Temporary files of all of them lie in a folder that goes with
# the launcher: torchrun's folder of logs and those of loader workers stay where their owner is killed.
set -euo pipefail
. slurm/scratch.sh
before=()
while [[ $1 != -- ]]; do
  before+=("$1")
  shift
done
shift
trap '' USR1 TERM
job=${SLURM_JOB_ID:-0}
remove_left_over "$job"
scratch=$(make_scratch "$job")
code=0
TMPDIR=$scratch "${before[@]}" python -m accelerate.commands.launch --machine_rank "$SLURM_NODEID" "$@" || code=$?
rm -rf -- "$scratch" || true
# Slurm names the signal that ended a task, from which the job tells a machine's fault.
((code <= 128)) || kill -s "$((code - 128))" $$ 2>/dev/null || true
exit "$code"
