#!/usr/bin/env bash
# Reproduce the report on this machine: CREMA-D -> shards -> all stages of paper.yaml -> the figures of 40 videos.
#   SOURCE=CREMA-D bash launch/reproduce.sh              (make reproduce SOURCE=CREMA-D)
#   SOURCE=CREMA-D DRY_RUN=1 bash launch/reproduce.sh    hours, GB and what is missing; nothing is made
# First it prints hours, GB and what is missing. Started again, it goes on where it stopped: steps that are complete
# are skipped. On a cluster slurm/chain.sh does the same (slurm/README.md). In the environment:
#   SOURCE            the folder with VideoFlash and AudioWAV
#   WORK              the folder of all results (reproduce)
#   BASELINE          a model of `emotalk import-original`, for the report's own baseline
#   ETL_CONFIG        configs/etl/crema_d.yaml; configs/etl/crema_d_report.yaml is the report's 1,000 + 200 clips
#   TRAIN_CONFIG      configs/train/paper.yaml
#   EVALUATE_CONFIG   configs/evaluate/report.yaml
#   ETL_SETTINGS, TRAIN_SETTINGS, EVALUATE_SETTINGS      more key=value words; quote words with spaces
#   LAUNCH            accelerate's settings (launch/accelerate/cpu1.yaml, gpu1.yaml where there is a GPU)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH=$PWD/.venv/bin:$PATH

stop() {
  printf 'reproduce: %s\n' "$@" >&2
  exit 2
}
. launch/words.sh

[[ -n ${SOURCE:-} ]] || stop "SOURCE is not given: make reproduce SOURCE=CREMA-D, the folder with VideoFlash and AudioWAV"
[[ -x .venv/bin/python ]] || stop "no .venv in $PWD; run 'make setup' there first"
work=$(realpath -m "${WORK:-reproduce}") dry=${DRY_RUN:-}
etl_settings=() train_settings=() evaluate_settings=()
words_of ETL_SETTINGS etl_settings
words_of TRAIN_SETTINGS train_settings
words_of EVALUATE_SETTINGS evaluate_settings
[[ -z ${BASELINE:-} ]] || evaluate_settings+=("baseline=$BASELINE")
profile=cpu1
! command -v nvidia-smi >/dev/null || profile=gpu1
launch=${LAUNCH:-launch/accelerate/$profile.yaml}

etl=("${ETL_CONFIG:-configs/etl/crema_d.yaml}" "source=$SOURCE" "output=$work/shards" "${etl_settings[@]}")
tracking=()
[[ -n ${MLFLOW_TRACKING_URI:-} ]] || tracking=("tracking.mlflow.uri=sqlite:///$work/mlflow.db")
train=("${TRAIN_CONFIG:-configs/train/paper.yaml}" "shards=$work/shards" "run_dir=$work/run" "${tracking[@]}"
  "${train_settings[@]}")
evaluate=(--config "${EVALUATE_CONFIG:-configs/evaluate/report.yaml}" --checkpoint "$work/run" --shards "$work/shards"
  --output "$work/report" "${evaluate_settings[@]}")

python launch/reproduce_plan.py --work "$work" --etl "${etl[@]}" --train "${train[@]}" \
  --evaluate "${evaluate[1]}" "checkpoint=$work/run" "shards=$work/shards" "output=$work/report" \
  "${evaluate_settings[@]}" ||
  stop "something is missing that a step would fail without: see above; nothing is made"

steps=$work/steps
[[ -n $dry ]] || mkdir -p "$steps"
start=$SECONDS
# once NAME RESULT SETTINGS WORDS...: run a command, or skip it if RESULT is there and was made with these settings and
# by the steps before it as they were.
made=''
once() {
  local name=$1 result=$2
  made=$(sha256sum <<<"$made$3" | cut -c 1-64)
  printf '\n[%d:%02d] %s\n  $ %s\n' $(((SECONDS - start) / 60)) $(((SECONDS - start) % 60)) "$name" "${*:4}"
  [[ -z $dry ]] || return 0
  if [[ -e $result && -f $steps/$name && $(<"$steps/$name") == "$made" ]]; then
    echo "  complete already: $result"
    return
  fi
  "${@:4}"
  [[ -e $result ]] || stop "$name ended without $result"
  echo "$made" >"$steps/$name"
}

# Where a setting is wrong, these stop before anything is made.
etl_says=$(python etl/shard.py "${etl[@]}" --print-config)
train_says=$(python train.py "${train[@]}" --print-config)
evaluate_says=$(emotalk evaluate "${evaluate[@]}" --dry-run)

once shards "$work/shards/manifest.json" "$etl_says" python etl/shard.py "${etl[@]}" ray_address=local
once training "$work/run/status.json" "$train_says" accelerate launch --config_file "$launch" train.py "${train[@]}"
once figures "$work/report/report.json" "$evaluate_says" emotalk evaluate "${evaluate[@]}"
[[ -z $dry ]] || exit 0

printf '\n%-10s %s\n' report "$work/report/report.html" MLflow \
  ".venv/bin/mlflow ui --backend-store-uri ${MLFLOW_TRACKING_URI:-sqlite:///$work/mlflow.db}" \
  'its page' "$(python -m emotalk.tracking.run_page "$work/run")"
