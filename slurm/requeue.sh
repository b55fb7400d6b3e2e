# shellcheck shell=bash
# How a job comes back after Slurm has asked it to end. Sourced first, after the script's own traps:
# `asked` names the signal that came, "" for none.

WANTS_REQUEUE=85 # train.py: check-pointed on a signal
MAX_RESTARTS=${MAX_RESTARTS:-50}
LOOK_S=10 # between two looks for a preemption
TELL_AGAIN_S=3
ASK_AGAIN_S=${ASK_AGAIN_S:-5} # a controller that is starting anew answers nobody for some seconds
decided=''

# patiently COMMAND...: run it until it ends with 0, six times at most.
patiently() {
  local try
  for ((try = 1; try <= 6; try++)); do
    "$@" && return
    sleep "$ASK_AGAIN_S"
  done
  return 1
}

# of_job NAME: a field of what Slurm knows of this job.
of_job() { scontrol show job "$SLURM_JOB_ID" --oneliner 2>/dev/null | grep -o " $1=[^ ]*" | head -n 1 | cut -d= -f2; }

# preempted: Slurm signals a job's steps then, not its batch shell; a requeued job keeps the old time.
preempted() {
  local time
  time=$(of_job PreemptTime)
  [[ $time == 20* && ! $time < $(of_job StartTime) ]]
}

# requeue_if_asked CODE: the last word of a job. An error that followed a signal counts as the signal's:
# if it was not, the next attempt ends with it. Wrong use (`decided`) is never repeated, and a job that
# somebody has cancelled, or that has run out of time, is no longer RUNNING and stays ended.
requeue_if_asked() {
  local code=$1
  trap - EXIT
  trap '' USR1
  ((code)) || exit 0
  if ((code != WANTS_REQUEUE)); then
    [[ -z $decided ]] && { [[ -n $asked ]] || preempted; } || exit "$code"
    echo "${SLURM_JOB_NAME:-slurm}: asked to end (${asked:-preempted}) and ended with $code"
  fi
  [[ $(patiently of_job JobState) == RUNNING ]] || exit "$code"
  if ((${SLURM_RESTART_COUNT:-0} >= MAX_RESTARTS)); then
    echo "${SLURM_JOB_NAME:-slurm}: requeued ${SLURM_RESTART_COUNT:-0} times already" \
      "(MAX_RESTARTS=$MAX_RESTARTS); submit the same line again to go on" >&2
    exit 2
  fi
  trap - TERM
  patiently scontrol requeue "$SLURM_JOB_ID" || exit "$code"
  sleep 60 # until Slurm ends this attempt
  exit "$code"
}

# wait_and_tell PID: the exit code of a step. Once the job is asked to end, the step hears USR1 again and
# again: a process that was just starting had no ear for the first. Nobody tells the batch shell of a
# preemption, so Slurm is asked for one.
wait_and_tell() {
  local code=0 pause
  while kill -0 "$1" 2>/dev/null; do
    [[ -n $asked ]] || ! preempted || asked=preemption
    pause=$LOOK_S
    if [[ -n $asked ]]; then
      kill -USR1 "$1" 2>/dev/null || true
      pause=$TELL_AGAIN_S
    fi
    sleep "$pause" &
    wait -n "$1" $! || true # a trapped signal ends it early
    kill $! 2>/dev/null || true
  done
  wait "$1" && code=0 || code=$?
  return "$code"
}

# wait_or_end PID: the exit code of a step that is simply ended (SIGTERM) once the job is asked to end.
wait_or_end() {
  local code=0
  while kill -0 "$1" 2>/dev/null; do
    [[ -z $asked ]] || kill -TERM "$1" 2>/dev/null || true
    wait "$1" && code=0 || code=$?
  done
  wait "$1" && code=0 || code=$?
  return "$code"
}
