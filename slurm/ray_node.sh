#!/usr/bin/env bash
# Run one node of the ETL's Ray cluster with `ray start`. It ends and removes its temporary folder when standard input
# ends, that is, when the batch script closes it or dies.
#   bash slurm/ray_node.sh FOLDER [words for ray start ...]
# FOLDER is the cluster's temporary folder on this node.
set -euo pipefail
. slurm/scratch.sh
folder=$1
shift

# memory_words: print Ray's words for the memory that the job has on this node: three tenths, and no more than /dev/shm
# has, for its object store. Without --mem Slurm sets no limit, and Ray takes the node's.
memory_words() {
  local mib=${SLURM_MEM_PER_NODE:-0} room store
  ((mib)) || mib=$((${SLURM_MEM_PER_CPU:-0} * ${SLURM_CPUS_ON_NODE:-1}))
  ((mib)) || return 0
  room=$(($(df --output=avail --block-size=1M /dev/shm | tail -n 1) * 9 / 10))
  store=$((mib * 3 / 10))
  ((store <= room)) || store=$room
  echo "--memory=$(((mib - store) * 2 ** 20)) --object-store-memory=$((store * 2 ** 20))"
}

TRIES=5
TIMED_OUT='timed out during startup' # Ray's words for a node whose processes were loaded too slowly
ray=''
clear_away() {
  [[ -z $ray ]] || kill "$ray" 2>/dev/null || true
  [[ -z $ray ]] || wait "$ray" 2>/dev/null || true
  rm -rf -- "$folder" "$scratch" 2>/dev/null || true
}
job=${folder##*-}
remove_left_over "$job" "${folder%-*}"-*/
scratch=$(make_scratch "$job") # for the files of Ray's start and of the workers
trap clear_away EXIT
trap 'exit 1' TERM INT
mkdir -p "$folder"
: >"$folder/$MARK"
export TMPDIR=$scratch PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}
export RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S=0 # Slurm kills a cancelled step before Ray has waited for its clips
export RAY_START_HOOK=etl.cluster.give_agents_ports # a busy node loads the agents for longer than Ray waits
memory=$(memory_words)

# With a time limit of a second, `read` returns more than 128 on a time-out and 1 at the end of the input.
for ((try = 1; ; try++)); do
  # shellcheck disable=SC2086
  ray start --block "$@" $memory </dev/null > >(tee -- "$scratch/said") 2>&1 &
  ray=$!
  while kill -0 "$ray" 2>/dev/null; do
    code=0
    read -r -t 1 _ || code=$?
    ((code == 0 || code > 128)) || exit 0
  done
  code=0
  wait "$ray" || code=$?
  ((code && try < TRIES)) && grep -q "$TIMED_OUT" "$scratch/said" || exit "$code"
  echo "ray: no node came up on $(hostname), try $try of $TRIES: again"
done
