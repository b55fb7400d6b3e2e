# shellcheck shell=bash disable=SC2154
# Examine the nodes of a job before its real start. Sourced after env.sh and requeue.sh. PREFLIGHT=0 leaves it out.

# preflight_job CONFIG [key=value ...]: name the node and the remedy of each fault, and stop. A job that can do without
# some of its nodes says so (spares_nodes=1) and goes on with `sound_nodes`, as long as one is left. The nodes of a
# training (run_dir=DIR) also compute together.
mapfile -t sound_nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
preflight_job() {
  local paths line write='' path_words=() judged=() nodes facts verdict gpus=0 code=0
  local probe=.emotalk-preflight-$SLURM_JOB_ID
  paths=$(here python -m emotalk.preflight.paths "$@")
  while IFS= read -r line; do
    case $line in
      'read '*) path_words+=(--read "${line#read }") ;;
      'output '*) path_words+=(--output "${line#output }") ;;
      'write '*) write=${line#write } ;;
    esac
  done <<<"$paths"
  [[ -n $write ]] || return 0 # no folder: an address, or none is given
  nodes=$(IFS=, && echo "${sound_nodes[*]}")
  [[ -z ${SLURM_GPUS_ON_NODE:-} ]] || gpus=$SLURM_GPUS_ON_NODE
  facts=$(srun --overlap "${every_node[@]}" "${inside[@]}" python -m emotalk.preflight.node --write "$write" \
    --probe "$probe" --gpus "$gpus" "${path_words[@]}") || code=$?
  if [[ -z $asked && -n $(value_of run_dir "$@") ]] && ((SLURM_NNODES > 1 || gpus)); then
    judged=(--exchange)
    facts+=$'\n'$(srun --overlap "${every_node[@]}" "${inside[@]}" python -m emotalk.preflight.exchange \
      --write "$write" --probe "$probe" --nodes "$nodes" --address "$FIRST_NODE" --port "$(port_of 0)") || code=$?
  elif [[ -z $asked ]] && ((SLURM_NNODES > 1)); then
    judged=(--seen)
    facts+=$'\n'$(srun --overlap "${every_node[@]}" "${inside[@]}" python -m emotalk.preflight.seen \
      --write "$write" --probe "$probe" --nodes "$nodes") || code=$?
  fi
  srun --overlap "${every_node[@]}" rm -rf -- "$write/$probe" || true # on each: the folder may not be shared
  leave_if_told # what is missing then is no fault of a node
  [[ -z ${spares_nodes:-} ]] || judged+=(--spare)
  verdict=$(here python -m emotalk.preflight.judge --nodes "$nodes" "${judged[@]}" <<<"$facts") || exit 2
  grep -v '^nodes ' <<<"$verdict" || true
  if [[ -n ${spares_nodes:-} ]]; then
    IFS=, read -ra sound_nodes <<<"$(sed -n 's/^nodes //p' <<<"$verdict")"
  fi
  ((code == 0 || ${#sound_nodes[@]} < SLURM_NNODES)) ||
    stop "the nodes could not be examined (exit code $code); PREFLIGHT=0 leaves the examination out"
}
