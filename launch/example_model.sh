#!/usr/bin/env bash
# Make the example model that comes with the package: draw a varied corpus, shard it, train on it,
# export. Nobody's face or voice is in it.
#   bash launch/example_model.sh
# Variables: WORK (demo/example), ACTORS (64), CLIPS (6), SEED (7), OUTPUT (WORK/model; the package's
# is emotalk/pretrained/example), OVERRIDES (more `key=value` for training). Started again, it
# continues where it stopped.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=.venv/bin
cd "$root"
work=${WORK:-demo/example}
output=${OUTPUT:-$work/model}
mkdir -p "$work"
read -r -a more <<<"${OVERRIDES:-}"

step() {
  printf '\n\033[1m%s\033[0m\n  $ %s\n' "$1" "${*:2}"
  "${@:2}"
}

step "Draw people that differ as photographs do" \
  "$bin/emotalk" synth "$work/corpus" --actors "${ACTORS:-64}" --clips-per-actor "${CLIPS:-6}" \
  --seed "${SEED:-7}" --variety photo
step "Turn clips into aligned shards, on Ray" \
  "$bin/python" etl/shard.py configs/etl/crema_d.yaml "source=$work/corpus" \
  landmarks.backend=sidecar "output=$work/shards" ray_address=local "split.shares=[0.9, 0.05, 0.05]"
step "Train" "$bin/accelerate" launch --config_file launch/accelerate/cpu1.yaml train.py \
  configs/train/example.yaml "shards=$work/shards" "run_dir=$work/run" \
  "tracking.mlflow.uri=sqlite:///$(realpath -m "$work")/mlflow.db" "${more[@]}"
if [[ ! -e $output ]]; then
  step "Export" "$bin/emotalk" export --checkpoint "$work/run" --output "$output"
fi
printf '\nmodel  %s\n' "$output"
