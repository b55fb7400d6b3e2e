#!/usr/bin/env bash
# Submit the whole way as three jobs that wait for each other: raw clips -> shards -> run -> report.
#   slurm/chain.sh ETL_CONFIG TRAIN_CONFIG SOURCE WORK [key=value of the training ...]
# e.g. slurm/chain.sh configs/etl/crema_d.yaml configs/train/paper.yaml /data/CREMA-D /scratch/emotalk
# Results: WORK/shards, WORK/run, WORK/report. If a job fails, the later ones are taken from the queue.
# ETL_OPTIONS, TRAIN_OPTIONS, EVALUATE_OPTIONS hold more options for sbatch, e.g. TRAIN_OPTIONS="--nodes=1".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if (($# < 4)) || [[ ! -f $1 || ! -f $2 ]]; then
  echo "usage: slurm/chain.sh ETL_CONFIG.yaml TRAIN_CONFIG.yaml SOURCE WORK [key=value ...]" >&2
  exit 2
fi
etl_config=$1 train_config=$2 source=$(realpath "$3") work=$(realpath -m "$4")
shift 4
read -ra etl_options <<<"${ETL_OPTIONS:-}"
read -ra train_options <<<"${TRAIN_OPTIONS:-}"
read -ra evaluate_options <<<"${EVALUATE_OPTIONS:-}"

after() { sbatch --parsable --dependency="afterok:$1" --kill-on-invalid-dep=yes "${@:2}"; }

etl=$(sbatch --parsable "${etl_options[@]}" slurm/etl.sbatch "$etl_config" "source=$source" "output=$work/shards")
train=$(after "$etl" "${train_options[@]}" slurm/train.sbatch "$train_config" \
  "shards=$work/shards" "run_dir=$work/run" "$@")
evaluate=$(after "$train" "${evaluate_options[@]}" slurm/evaluate.sbatch \
  "$work/shards" "$work/report" "$work/run/checkpoints/latest")
printf '%-9s job %s\n' etl "$etl" train "$train" evaluate "$evaluate"
echo "follow them with: squeue --jobs=$etl,$train,$evaluate"
