#!/usr/bin/env bash
# Run all steps on this machine: clips -> shards -> training -> figures -> video.
#   bash launch/demo.sh                                  on the drawn corpus, no download
#   SOURCE=DIR bash launch/demo.sh                       on a folder of real clips (insightface pack)
# Variables: SOURCE, DEMO_DIR (demo), ACTORS (16), CLIPS (24), SEED (0), PACK, PACK_ROOT, OVERRIDES
# (more `key=value` for training). Started again, it continues where it stopped.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=.venv/bin
cd "$root"
source_dir=${SOURCE:-}
if [[ -n $source_dir && ! -d $source_dir ]]; then
  echo "demo: no folder $source_dir; give a folder of clips by SOURCE=DIR, or leave SOURCE out" >&2
  exit 2
fi
name=${source_dir:+$(basename "$source_dir")}
demo=${DEMO_DIR:-demo/${name:-drawn}}
mkdir -p "$demo"
read -r -a more <<<"${OVERRIDES:-}"

"$bin/python" launch/peak_memory.py $$ "$demo/peak_memory.json" &
watcher=$!
trap 'kill $watcher 2>/dev/null || true' EXIT

start=$SECONDS
step() {
  printf '\n\033[1m[%d:%02d] %s\033[0m\n' $(((SECONDS - start) / 60)) $(((SECONDS - start) % 60)) "$1"
  printf '  $ %s\n' "${*:2}"
  "${@:2}"
}

if [[ -z $source_dir ]]; then
  step "Draw a corpus of talking, feeling faces" \
    "$bin/emotalk" synth "$demo/corpus" --actors "${ACTORS:-16}" \
    --clips-per-actor "${CLIPS:-24}" --seed "${SEED:-0}"
  etl=(configs/etl/crema_d.yaml "source=$demo/corpus" landmarks.backend=sidecar)
  train=configs/train/demo.yaml
  evaluate=(--config configs/evaluate/default.yaml)
else
  pack_root=${PACK_ROOT:-}
  if [[ -z $pack_root ]]; then
    pack_root=$HOME/.insightface
    [[ -d ../shared/data/insightface ]] && pack_root=../shared/data/insightface
  fi
  pack=${PACK:-}
  if [[ -z $pack ]]; then
    pack=buffalo_l
    [[ -d $pack_root/models/faces68 ]] && pack=faces68
  fi
  table=$source_dir/clips.csv
  [[ -f $table ]] || table=$demo/clips.csv
  if [[ ! -f $table ]]; then # the name before the first _ is the person, and all clips count as neutral
    step "List the clips" "$bin/emotalk" corpus init "$source_dir" --output "$table" \
      --emotion neutral --pattern '(?P<actor>[^/_]+?)(_[^/]*)?\.\w+$'
  fi
  etl=(configs/etl/folder.yaml "source=$source_dir" "clips=$table"
    "landmarks.pack=$pack" "landmarks.root=$pack_root" max_rejected_share=0.5)
  if [[ $(tail -n +2 "$table" | cut -d, -f2 | sort -u | wc -l) -lt 3 ]]; then
    echo "  fewer than three people: split by clip, so the figures are about KNOWN faces"
    etl+=(split.by=clip)
  fi
  train=configs/train/demo_real.yaml
  evaluate=(--config configs/evaluate/default.yaml
    "finder.pack=$pack" "finder.root=$pack_root")
fi

step "Turn clips into aligned shards, on Ray" \
  "$bin/python" etl/shard.py "${etl[@]}" "output=$demo/shards" ray_address=local
step "Check the shards" \
  "$bin/emotalk" inspect "$demo/shards" --contact-sheet "$demo/faces.png" --overwrite
step "Train" "$bin/accelerate" launch --config_file launch/accelerate/cpu1.yaml train.py "$train" \
  "shards=$demo/shards" "run_dir=$demo/run" \
  "tracking.mlflow.uri=sqlite:///$(realpath -m "$demo")/mlflow.db" "${more[@]}"

# Take a face and speech of the test split from a shard, which is a plain tar.
tar=$(find "$demo/shards" -name 'test-*.tar' | sort | head -n 1)
keys=$(tar -tf "$tar" | sed -n 's/\.json$//p')
key=$(grep -m 1 _HAP_ <<<"$keys" || head -n 1 <<<"$keys")
sound=$(tar -tf "$tar" | grep -F "$key." | grep -E '\.(flac|wav)$')
tar -xf "$tar" -C "$demo" "$key.neutral.png" "$sound"
emotion=happiness
[[ -n $source_dir ]] && emotion=neutral
video=$demo/talking.mp4
if [[ ! -e $video ]]; then
  step "Make a video: an unseen face, speech, $emotion" \
    "$bin/emotalk" generate --checkpoint "$demo/run" --image "$demo/$key.neutral.png" \
    --landmarks aligned --audio "$demo/$sound" --emotion "$emotion" --output "$video" --scale 2
fi
step "Measure on the test split" \
  "$bin/emotalk" evaluate "${evaluate[@]:0:2}" --checkpoint "$demo/run" --shards "$demo/shards" \
  --split test --output "$demo/report" "${evaluate[@]:2}"

kill $watcher 2>/dev/null || true
wait $watcher 2>/dev/null || true
trap - EXIT
printf '\n%-14s %d:%02d minutes\n' time $(((SECONDS - start) / 60)) $(((SECONDS - start) % 60))
printf '%-14s %s\n' memory "$("$bin/python" launch/peak_memory.py --show "$demo/peak_memory.json")"
printf '%-14s %s\n' faces "$demo/faces.png" report "$demo/report/report.html" video "$video"
printf '%-14s %s\n' MLflow ".venv/bin/mlflow ui --backend-store-uri sqlite:///$demo/mlflow.db" \
  'its page' "$("$bin/python" -m emotalk.tracking.run_page "$demo/run")"
