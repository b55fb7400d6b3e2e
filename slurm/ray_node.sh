#!/usr/bin/env bash
# Run one node of the ETL's Ray cluster with `ray start`. It ends and removes its temporary folder when standard input
# ends, that is, when the batch script closes it or dies.
#   bash slurm/ray_node.sh FOLDER [words for ray start ...]
# FOLDER is the cluster's temporary folder on this node.
set -euo pipefail
folder=$1
shift

ray start --block "$@" </dev/null &
ray=$!
clear_away() {
  kill "$ray" 2>/dev/null || true
  wait "$ray" 2>/dev/null || true
  rm -rf -- "$folder" 2>/dev/null || true
}
trap clear_away EXIT
trap 'exit 1' TERM INT

# With a time limit of a second, `read` returns more than 128 on a time-out and 1 at the end of the input.
while kill -0 "$ray" 2>/dev/null; do
  code=0
  read -r -t 1 _ || code=$?
  ((code == 0 || code > 128)) || exit 0
done
wait "$ray"
