# shellcheck shell=bash
# Requeue a job that Slurm has signalled. Sourced after the script's own traps; `asked` holds the name of the
# signal, or "" without one.

WANTS_REQUEUE=85 # train.py: check-pointed on a signal
MAX_RESTARTS=${MAX_RESTARTS:-50}
LOOK_S=10 # between two looks for a preemption
TELL_AGAIN_S=3
ASK_AGAIN_S=${ASK_AGAIN_S:-5} # a controller that restarts does not answer for some seconds
decided=''
again='' # set: a machine failed, and the job starts again

# patiently COMMAND...: run it up to six times, until it succeeds.
patiently() {
  local try
  for ((try = 1; try <= 6; try++)); do
    "$@" && return
    sleep "$ASK_AGAIN_S"
  done
  return 1
}

# The number of an array's last task is also the whole array's.
this_job=${SLURM_JOB_ID:-}
[[ -z ${SLURM_ARRAY_JOB_ID:-} ]] || this_job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID

# of_job NAME: print a field of this job from `scontrol show job`.
of_job() { scontrol show job "$this_job" --oneliner 2>/dev/null | grep -o " $1=[^ ]*" | head -n 1 | cut -d= -f2; }

# preempted: test whether Slurm has preempted this attempt. A requeued job keeps the time of an earlier preemption.
preempted() {
  local time
  time=$(of_job PreemptTime)
  [[ $time == 20* && ! $time < $(of_job StartTime) ]]
}

# requeue_if_asked CODE: end the job with CODE, or requeue it if it was signalled. An error after a signal counts as an
# effect of the signal; a real error repeats in the next attempt. Wrong use (`decided`) is never requeued. A job whose
# machine failed (`again`) is. A job that
# was cancelled or ran out of time is no longer RUNNING and is not requeued either.
requeue_if_asked() {
  local code=$1
  trap - EXIT
  trap '' USR1
  ((code)) || exit 0
  if ((code != WANTS_REQUEUE)) && [[ -z $again ]]; then
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
  patiently scontrol requeue "$this_job" || exit "$code"
  sleep 60 # until Slurm ends this attempt
  exit "$code"
}

# wait_and_tell PID: return the exit code of a step. Once the job is asked to end, send USR1 to the step repeatedly,
# because a process that was just starting may miss the first one. Slurm does not signal the batch shell on a
# preemption, so ask for one.
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

# wait_or_end PID: return the exit code of a step; send it SIGTERM once the job is asked to end.
wait_or_end() {
  local code=0
  while kill -0 "$1" 2>/dev/null; do
    [[ -z $asked ]] || kill -TERM "$1" 2>/dev/null || true
    wait "$1" && code=0 || code=$?
  done
  wait "$1" && code=0 || code=$?
  return "$code"
}
