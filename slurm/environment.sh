# shellcheck shell=bash
# Choose the Python environment of the jobs and of chain.sh. Source it from the project's folder, after a function
# `stop MESSAGE`. Settings of your cluster belong in slurm/site.sh, which is read first and which git ignores;
# slurm/site.sh.example has every line that it may hold.
. launch/words.sh
if [[ -f slurm/site.sh ]]; then
  # shellcheck disable=SC1091
  . slurm/site.sh
fi
inside=() # words before each of our commands, e.g. apptainer exec --nv IMAGE
words_of SITE_RUN inside
# shellcheck disable=SC2034
site_srun=() # more words for each srun, e.g. pyxis' --container-image=IMAGE
words_of SITE_SRUN site_srun

# The environment is EMOTALK_ENV, else .venv, else what site.sh, modules or a container put on the path.
environment=${EMOTALK_ENV:-$PWD/.venv}
if [[ -x $environment/bin/python && -z ${SITE_RUN:-}${SITE_SRUN:-} ]]; then
  export PATH=$environment/bin:$PATH
elif [[ -n ${EMOTALK_ENV:-} && -z ${SITE_RUN:-}${SITE_SRUN:-} ]]; then
  stop "EMOTALK_ENV=$EMOTALK_ENV has no bin/python"
elif [[ -z ${SITE_SRUN:-} ]] && ! "${inside[@]}" python -c 'import emotalk' 2>/dev/null; then
  stop "no .venv in $PWD, and '${SITE_RUN:+$SITE_RUN }python' does not import emotalk: run 'make setup' there, or name" \
    "your environment in slurm/site.sh (EMOTALK_ENV, modules or SITE_RUN; see slurm/README.md)"
fi
