# shellcheck shell=bash
# Choose the Python environment of the jobs and of chain.sh. Source it from the project's folder, after a function
# `stop MESSAGE`. Settings of your cluster belong in slurm/site.sh, which is read first and which git ignores;
# slurm/site.sh.example has every line that it may hold.
. launch/words.sh
if [[ -f slurm/site.sh ]]; then
  said=$(bash -n slurm/site.sh 2>&1) || stop "$said"
  project=$PWD options=$-
  # A command of site.sh that fails is told with its line. Modules and conda may read variables that are not set and go
  # on after a command that failed, and the last line may test something in vain: [[ ... ]] && ...
  # shellcheck disable=SC2329
  site_failed() {
    [[ ${BASH_SOURCE[1]} != slurm/site.sh ]] ||
      stop "slurm/site.sh, line ${BASH_LINENO[0]} ended with code $1: $2 (where that does no harm, write || true behind it)"
  }
  set +eu
  trap 'site_failed $? "$BASH_COMMAND"' ERR
  # shellcheck disable=SC1091
  . slurm/site.sh
  trap - ERR
  set -u
  [[ $options != *e* ]] || set -e
  cd "$project" # wherever site.sh went
fi

# number NAME LEAST: stop if a setting is given and is no whole number.
number() {
  local value=${!1:-}
  [[ -n $value ]] || return 0
  if [[ ! $value =~ ^[0-9]{1,6}$ ]] || ((10#$value < $2)); then
    stop "$1=$value: give a whole number, $2 or more"
  fi
  printf -v "$1" %d "$((10#$value))" # Bash takes 08 for an octal number
}
number MAX_RETRIES 0
number MAX_RESTARTS 0
number STEP_WAIT_S 1
number ASK_AGAIN_S 0
number PROCESSES_PER_NODE 1

inside=() # words before each of our commands, e.g. apptainer exec --nv IMAGE
words_of SITE_RUN inside
# shellcheck disable=SC2034
site_srun=() # more words for each srun, e.g. pyxis' --container-image=IMAGE
words_of SITE_SRUN site_srun

# The environment is EMOTALK_ENV, else .venv, else what site.sh, modules or a container put on the path.
environment=${EMOTALK_ENV:-$PWD/.venv}
if [[ -n ${SITE_RUN:-}${SITE_SRUN:-} ]]; then
  environment=''
elif [[ -x $environment/bin/python ]]; then
  export PATH=$environment/bin:$PATH
elif [[ -n ${EMOTALK_ENV:-} ]]; then
  stop "EMOTALK_ENV=$EMOTALK_ENV has no bin/python"
fi

# The project's folder has the code; the environment must have what the code imports. `make setup` has tried its own.
needs='import emotalk.config.run, importlib.metadata as found
for name in ("torch", "accelerate", "ray", "webdataset"): found.version(name)'
if [[ -z ${SITE_SRUN:-} && ($environment != "$PWD/.venv" || ! -x $environment/bin/python) ]]; then
  lacks=$("${inside[@]}" python -c "$needs" 2>&1) ||
    stop "'${SITE_RUN:+$SITE_RUN }python' does not run the project (${lacks##*$'\n'}): run 'make setup' in $PWD, or name" \
      "your environment in slurm/site.sh (EMOTALK_ENV, modules or SITE_RUN; see slurm/README.md)"
fi
