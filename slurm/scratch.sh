# shellcheck shell=bash
# Folders for temporary files of a job's step on a node, in TMPDIR or /tmp. Slurm kills a step that does not end in
# time, and a node may die, so nobody may be left to remove the folder: the next step there does, which knows it by a
# mark and asks Slurm whether the job is gone.

MARK=.emotalk-job
temporary=${TMPDIR:-/tmp}
attempt=${SLURM_RESTART_COUNT:-0}

# make_scratch JOB: make an empty folder for this attempt of a job and print its path.
make_scratch() {
  local made
  made=$(mktemp -d "$temporary/emotalk-$1.$attempt-XXXXXX")
  : >"$made/$MARK"
  echo "$made"
}

# remove_left_over JOB [FOLDER ...]: remove the folders that steps of other jobs left, and earlier attempts of JOB.
# FOLDER: others of such names that bear the mark.
remove_left_over() {
  local own=$1 old job of_attempt said
  for old in "$temporary"/emotalk-*-*/ "${@:2}"; do
    old=${old%/}
    [[ $old =~ -([0-9]+)(\.([0-9]+))?(-[A-Za-z0-9]{6})?$ && -O $old && -f $old/$MARK ]] || continue
    job=${BASH_REMATCH[1]} of_attempt=${BASH_REMATCH[3]:-$attempt}
    if [[ $job == "$own" ]]; then
      ((of_attempt < attempt)) || continue
    elif said=$(squeue --noheader --jobs="$job" 2>&1); then
      [[ -z $said ]] || continue
    else
      # Else the controller does not answer, or a container hides Slurm.
      [[ $said == *"Invalid job id"* ]] || continue
    fi
    rm -rf -- "$old" || true # another job may be removing it
  done
}
