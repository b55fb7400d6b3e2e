# shellcheck shell=bash
# Choose the Python environment of the jobs and of chain.sh. Source it from the project's folder, after a function
# `stop MESSAGE`. Settings of your cluster belong in slurm/site.sh, which is read first and which git ignores;
# slurm/site.sh.example has every line that it may hold.
. launch/words.sh
if [[ -f slurm/site.sh ]]; then
  set +u # modules and conda read variables that are not set
  # shellcheck disable=SC1091
  . slurm/site.sh
  set -u
fi
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
