#!/usr/bin/env bash
# Submit three jobs that run one after the other: raw clips -> shards -> run -> report.
#   slurm/chain.sh ETL_CONFIG TRAIN_CONFIG SOURCE WORK [key=value of the training ...]
# e.g. slurm/chain.sh configs/etl/crema_d.yaml configs/train/crema_d_large.yaml /data/CREMA-D /scratch/emotalk
# Results: WORK/shards, WORK/run, WORK/report/run/report.md. If a job fails, the later ones are cancelled. All three
# jobs and configurations are checked before anything is queued, the ETL's with its landmark models, the training's with
# the number of processes that its job will start.
# In the environment:
#   ETL_OPTIONS, TRAIN_OPTIONS, EVALUATE_OPTIONS   for sbatch: TRAIN_OPTIONS="--nodes=1" EVALUATE_OPTIONS="--gpus=1"
#   ETL_SETTINGS, EVALUATE_SETTINGS                key=value words: ETL_SETTINGS="landmarks.backend=sidecar"
#   EVALUATE_CONFIG                                a file of configs/evaluate
# Quote words with spaces: ETL_SETTINGS="'landmarks.root=/data/my models'". Relative paths are relative to the
# project's folder. It takes seconds and may itself be submitted, from the project's folder:
#   sbatch slurm/chain.sh ETL_CONFIG TRAIN_CONFIG SOURCE WORK
# The report (what `make reproduce` does on one machine):
#   EVALUATE_CONFIG=configs/evaluate/report.yaml TRAIN_OPTIONS="--nodes=1 --gpus-per-node=2" slurm/chain.sh \
#     configs/etl/crema_d.yaml configs/train/paper.yaml SOURCE WORK
#SBATCH --job-name=emotalk-chain
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --time=00:30:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
set -euo pipefail
# What sbatch runs is a copy in a folder of Slurm.
here=$(dirname "${BASH_SOURCE[0]}")/..
[[ -f $here/slurm/chain.sh ]] || here=${SLURM_SUBMIT_DIR:-$here}
cd "$here"
chain=${SLURM_JOB_ID:-} restarts=${SLURM_RESTART_COUNT:-0} # of this job, if it is one
# The jobs must not take this one's size for theirs.
for name in "${!SLURM_@}"; do
  [[ $name == SLURM_CONF ]] || unset "$name"
done

stop() {
  printf 'chain.sh: %s\n' "$@" >&2
  echo "chain.sh: nothing is queued" >&2
  exit 2
}

usage="usage: slurm/chain.sh ETL_CONFIG.yaml TRAIN_CONFIG.yaml SOURCE WORK [key=value ...]"
(($# >= 4)) || stop "$usage"
for file in "$1" "$2"; do
  [[ -f $file ]] || stop "no configuration $file in $PWD; $usage"
done
for word in "${@:5}"; do
  [[ $word == *=* ]] || stop "$word is no key=value of the training; $usage"
done
command -v sbatch >/dev/null || stop "no sbatch on this machine: call it on one that submits jobs to Slurm"
. slurm/environment.sh
etl_config=$1 train_config=$2 source=$3 work=$(realpath -m "$4")
[[ $source == *://* ]] || source=$(realpath "$source") || stop "SOURCE $3 is not there"
shift 4
etl_options=() train_options=() evaluate_options=() etl_settings=() evaluate_settings=()
words_of ETL_OPTIONS etl_options
words_of TRAIN_OPTIONS train_options
words_of EVALUATE_OPTIONS evaluate_options
words_of ETL_SETTINGS etl_settings
words_of EVALUATE_SETTINGS evaluate_settings
[[ -z ${EVALUATE_CONFIG:-} ]] || evaluate_settings=(--config "$EVALUATE_CONFIG" "${evaluate_settings[@]}")

etl_job=("${etl_options[@]}" slurm/etl.sbatch "$etl_config" "source=$source" "output=$work/shards" "${etl_settings[@]}")
train_job=("${train_options[@]}" slurm/train.sbatch "$train_config" "shards=$work/shards" "run_dir=$work/run" "$@")
evaluate_job=("${evaluate_options[@]}" slurm/evaluate.sbatch "$work/shards" "$work/report" "$work/run"
  -- "${evaluate_settings[@]}")

# A chain that is a job may be preempted while it queues the others. Their comments say whose they are, so that its next
# attempt does not queue them twice.
mark="emotalk-chain=$chain:"
if [[ -n $chain ]] && ((restarts)); then
  mapfile -t before < <(squeue --me --noheader --format='%i %k' | sed -nE "s/^([0-9]+) (.* )?$mark(etl|train|evaluate)$/\\1 \\3/p")
  if [[ " ${before[*]} " == *" evaluate "* ]]; then
    echo "chain.sh: the jobs are queued since the attempt before: ${before[*]}"
    exit 0
  fi
  for job in "${before[@]}"; do
    scancel "${job% *}"
    echo "chain.sh: taken back, since it was interrupted while it queued: $job"
  done
fi

# would_run NAME WORDS...: print the options of a job as sbatch reads them; stop if sbatch refuses the job.
would_run() {
  local said
  said=$(sbatch --test-only --verbose "${@:2}" 2>&1) ||
    stop "Slurm would not take the $1 job:" "$(grep -E 'error|failure|fatal' <<<"$said" || cat <<<"$said")"
  echo "$said"
}
# option NAME SAID: print an option from the output of would_run, or nothing.
option() { sed -n "s/^sbatch: $1 *: //p" <<<"$2" | head -n 1; }

# gpus_a_node NODES SAID: print the number of GPUs that slurm/train.sbatch will find on each node.
gpus_a_node() {
  local gpus all
  gpus=$(option gres "$2" | grep -oE 'gpu(:[^,]+)?' | head -n 1) # --gres wins over --gpus-per-node
  [[ -n $gpus ]] || gpus=$(option gpus-per-node "$2")
  gpus=${gpus##*:}
  [[ $gpus =~ ^[0-9]*$ ]] || gpus=1 # --gres=gpu, --gres=gpu:a100
  all=$(option gpus "$2")
  all=${all##*:}
  if ((${gpus:-0} == 0 && ${all:-0} > 0)); then
    ((all % $1 == 0)) || stop "--gpus=$all on --nodes=$1 of the training job: every node runs as many processes as" \
      "the others; ask for --gpus-per-node=N"
    gpus=$((all / $1))
  fi
  echo "${gpus:-0}"
}

etl_said=$(would_run ETL "${etl_job[@]}")
train_said=$(would_run training "${train_job[@]}")
evaluate_said=$(would_run evaluation "${evaluate_job[@]}")
nodes=$(option nodes "$train_said")
[[ ${nodes:=1} =~ ^[0-9]+$ ]] || stop "--nodes=$nodes of the training job: give one number"
on_gpus=$(gpus_a_node "$nodes" "$train_said")
per_node=${PROCESSES_PER_NODE:-$((on_gpus ? on_gpus : 1))}
processes=$((nodes * per_node))

# checked WHAT COMMAND...: run it and show its output only if it fails.
checked() {
  local said fit
  said=$("${@:2}" 2>&1) && return
  fit=$(sed -n 's/^one process takes.*/1/p; s/^\([0-9]*\) processes share.*/\1/p' <<<"$said" | head -n 1)
  stop "the $1 would fail:" "$said" ${fit:+"or here: TRAIN_OPTIONS='--nodes=1 $(size_for "$fit")'"}
}
# size_for PROCESSES: print sbatch's options for this number of processes on one node.
size_for() { if ((on_gpus)); then echo "--gpus-per-node=$1"; else echo "--gpus-per-node=0' PROCESSES_PER_NODE='$1"; fi; }
checked "ETL" "${inside[@]}" python etl/shard.py "${etl_job[@]:${#etl_options[@]}+1}" --dry-run --check-models
checked "training on $processes process(es) (TRAIN_OPTIONS decides)" "${inside[@]}" python train.py \
  "${train_job[@]:${#train_options[@]}+1}" "runtime.processes=$processes" --dry-run --before-shards
checked "evaluation" "${inside[@]}" python -m emotalk.cli evaluate --checkpoint "$work/run" --shards "$work/shards" \
  --output "$work/report/run" --dry-run "${evaluate_settings[@]}"

queued=()
take_back() {
  local code=$?
  ((code)) && ((${#queued[@]})) && scancel "${queued[@]}" && echo "chain.sh: taken back: ${queued[*]}" >&2
  exit "$code"
}
trap take_back EXIT
# marked NAME SAID: set `comment` to sbatch's word for a comment that says whose the job is, after the user's own.
comment=()
marked() {
  local own
  [[ -n $chain ]] || return 0
  own=$(option comment "$2")
  comment=(--comment="${own:+$own }$mark$1")
}
after() { sbatch --parsable --dependency="afterok:$1" --kill-on-invalid-dep=yes "${@:2}"; }
marked etl "$etl_said"
etl=$(sbatch --parsable "${etl_options[@]}" "${comment[@]}" "${etl_job[@]:${#etl_options[@]}}")
queued+=("$etl")
marked train "$train_said"
train=$(after "$etl" "${train_options[@]}" "${comment[@]}" "${train_job[@]:${#train_options[@]}}")
queued+=("$train")
marked evaluate "$evaluate_said"
evaluate=$(after "$train" "${evaluate_options[@]}" "${comment[@]}" "${evaluate_job[@]:${#evaluate_options[@]}}")
queued+=("$evaluate")
printf '%-9s job %s\n' etl "$etl" train "$train" evaluate "$evaluate"
echo "follow them with: squeue --jobs=$etl,$train,$evaluate"
