#!/usr/bin/env bash
# Prove that training learns on real faces: one man's half hour of sentences -> shards -> training
# on a CPU -> figures on sentences that no training has seen, with limits.
#   bash launch/proof_real.sh                       ../shared/data/grid_s1_600 (GRID speaker s1)
#   SOURCE=DIR bash launch/proof_real.sh            another folder of one person's clips
#   MORE=DIR bash launch/proof_real.sh              and figures on further clips, none trained on
# Variables: SOURCE, MORE, PROOF_DIR (proof), DETECTOR and LANDMARKER (ONNX files that find faces;
# without them insightface's pack PACK in PACK_ROOT), OVERRIDES (more `key=value` for training).
# Started again, it continues where it stopped.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=.venv/bin
cd "$root"
data=../shared/data
source_dir=${SOURCE:-$data/grid_s1_600}
proof=${PROOF_DIR:-proof}
read -r -a more <<<"${OVERRIDES:-}"
if [[ ! -d $source_dir ]]; then
  echo "proof-real: no folder $source_dir; give the clips of one person by SOURCE=DIR" >&2
  exit 2
fi
mkdir -p "$proof"

start=$SECONDS
step() {
  printf '\n\033[1m[%d:%02d] %s\033[0m\n' $(((SECONDS - start) / 60)) $(((SECONDS - start) % 60)) "$1"
  printf '  $ %s\n' "${*:2}"
  "${@:2}"
}

detector=${DETECTOR:-$data/models/yunet_n_dynamic.onnx}
landmarker=${LANDMARKER:-$data/models/peppa_slim_160_68.onnx}
if [[ -f $detector && -f $landmarker ]]; then
  find_faces=(landmarks.backend=onnx "landmarks.detector=$detector" "landmarks.landmarker=$landmarker")
  measure_faces=("finder.detector=$detector" "finder.landmarker=$landmarker")
else
  measure_faces=()
  find_faces=("landmarks.pack=${PACK:-buffalo_l}" "landmarks.root=${PACK_ROOT:-$HOME/.insightface}")
fi

# list CLIPS NAME: write the table of a folder's clips, all neutral; the actor stands before the first _.
list() {
  step "List the clips of $1" "$bin/emotalk" corpus init "$1" --output "$proof/$2.csv" \
    --emotion neutral --pattern '(?P<actor>[^/_]+?)(_[^/]*)?\.\w+$'
}

# shard CLIPS NAME SHARES: turn a folder's clips into a shard set, by their table.
shard() {
  [[ -f $proof/$2.csv ]] || list "$1" "$2"
  step "Turn them into aligned shards, on Ray" \
    "$bin/python" etl/shard.py configs/etl/folder.yaml "source=$1" "clips=$proof/$2.csv" \
    "output=$proof/$2" split.by=clip "split.shares=$3" "${find_faces[@]}" max_rejected_share=0.5 \
    ray_address=local
}

# measure SHARDS REPORT [SETTINGS]: evaluate the trained generator on a test split.
measure() {
  step "Measure: $2" "$bin/emotalk" evaluate --checkpoint "$proof/run" --shards "$proof/$1" \
    --split test --output "$proof/$2" "${measure_faces[@]}" "${@:3}"
}

shard "$source_dir" shards '[0.8,0.1,0.1]'
step "Check the shards" \
  "$bin/emotalk" inspect "$proof/shards" --contact-sheet "$proof/faces.png" --overwrite
step "Train" "$bin/accelerate" launch --config_file launch/accelerate/cpu1.yaml train.py \
  configs/train/proof_real.yaml "shards=$proof/shards" "run_dir=$proof/run" \
  "tracking.mlflow.uri=sqlite:///$(realpath -m "$proof")/mlflow.db" "${more[@]}"

measure shards report 'noise_db=[20,10,5,0]' drift_seconds=120
if [[ -n ${MORE:-} ]]; then
  shard "$MORE" more '[0,0,1]'
  measure more report-more
fi

if [[ -d $data/clips/grid ]]; then # faces and voices that it never saw
  if [[ ! -f $proof/others.csv ]]; then
    list "$data/clips/grid" others
    sed -i '/^bbaf2n/d' "$proof/others.csv" # this one is the man himself
  fi
  shard "$data/clips/grid" others '[0,0,1]'
  measure others report-others
  step "Look at what it makes of photographs" "$bin/python" -m tests.benchmarks.bench_photographs \
    --model "$proof/run" --sheet "$proof/photographs.png"
fi

step "Compare with the limits" "$bin/python" launch/proof_limits.py "$proof" "$proof/report"
printf '\n%-14s %d:%02d minutes\n' time $(((SECONDS - start) / 60)) $(((SECONDS - start) % 60))
printf '%-14s %s\n' faces "$proof/faces.png" report "$proof/report/report.html" \
  'other faces' "$proof/report-others/report.html" photographs "$proof/photographs.png"
[[ -z ${MORE:-} ]] || printf '%-14s %s\n' 'more clips' "$proof/report-more/report.html"
printf '%-14s %s\n' MLflow ".venv/bin/mlflow ui --backend-store-uri sqlite:///$proof/mlflow.db" \
  'its page' "$("$bin/python" -m emotalk.tracking.run_page "$proof/run")"
