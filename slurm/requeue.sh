# shellcheck shell=bash
# Requeue a job that was told to end: by a signal, a preemption, a requeue. Sourced after the script's own traps;
# `asked` holds the name of the signal, or "" without one.
# Bash 5.2 loses a signal that comes while the first of two substitutions in one command runs: it reads the trap's words
# as a part of the second one, and ends the script with 2. So no command of these scripts has two, $(...) or <(...).

WANTS_REQUEUE=85 # train.py: check-pointed on a signal
LOOK_S=10 # between two looks for a preemption
TELL_AGAIN_S=3
ASK_AGAIN_S=${ASK_AGAIN_S:-5} # a controller that restarts does not answer for some seconds
decided=''
again='' # set: a machine failed, and the job starts again

# heed SIGNAL: keep its name. train.sbatch also writes it down.
heed() { asked=$1; }

# patiently COMMAND...: run it until it succeeds, for two minutes at most.
patiently() {
  local try
  for ((try = 1; try <= 24; try++)); do
    "$@" && return 0 # in a trap, `return` alone gives the code from before the trap
    sleep "$ASK_AGAIN_S"
  done
  return 1
}

# The number of an array's last task is also the whole array's.
this_job=${SLURM_JOB_ID:-}
[[ -z ${SLURM_ARRAY_JOB_ID:-} ]] || this_job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID

# learn: keep in job_is what `scontrol show job` says of this job. It sets a variable instead of printing, because a
# signal would end the subshell that reads what is printed.
job_is=''
learn() { job_is=$(SLURM_TIME_FORMAT=standard scontrol show job "$this_job" --oneliner 2>/dev/null) && [[ -n $job_is ]]; }

# job_field NAME: print a field of what was learnt, or nothing.
job_field() { [[ ! " $job_is" =~ " $1="([^ ]*) ]] || echo "${BASH_REMATCH[1]}"; }

# is_alive: test whether the job runs, and was not cancelled, requeued or ended by its time limit.
is_alive() { [[ $(job_field JobState) =~ ^(RUNNING|SIGNALING|RESIZING)$ ]]; }

# is_preempted: test whether Slurm has preempted this attempt. A requeued job may keep the time of an earlier preemption,
# so both times must be known, and be of one moment.
is_preempted() {
  local time start
  time=$(job_field PreemptTime)
  start=$(job_field StartTime)
  [[ $time == 20* && $start == 20* && ! $time < $start ]]
}

# told_to_end: test whether this attempt ends because it is meant to: it was signalled or preempted, or Slurm has ended
# it (requeued, cancelled, out of time), which ends the processes of other nodes before this script hears of it.
told_to_end() {
  [[ -n $asked ]] || { patiently learn && { [[ -n $asked ]] || ! is_alive || is_preempted; }; }
}

# leave_if_told: exit if the attempt is meant to end; the trap on exit brings the job back.
leave_if_told() { [[ -z $asked ]] && ! { learn && is_preempted; } || exit 1; }

# requeue_if_asked CODE: end the job with CODE, or requeue it if it was signalled. An error after a signal counts as an
# effect of the signal; a real error repeats in the next attempt. Wrong use (`decided`) is never requeued. A job whose
# machine failed (`again`) is. A job that was cancelled or ran out of time is not requeued either. A second signal
# changes nothing: the request must reach Slurm first. A preemption is Slurm's own doing, so MAX_RESTARTS does not end it.
requeue_if_asked() {
  local code=$1 second='' try
  trap - EXIT
  trap '' USR1
  ((code)) || exit 0
  if ((code != WANTS_REQUEUE)) && [[ -z $again ]]; then
    [[ -z $decided ]] && told_to_end || exit "$code"
    echo "${SLURM_JOB_NAME:-slurm}: asked to end (${asked:-by Slurm}) and ended with $code"
  fi
  trap 'second=1' TERM
  patiently learn && is_alive || exit "$code"
  if ((${SLURM_RESTART_COUNT:-0} >= ${MAX_RESTARTS:=50})) && ! is_preempted; then
    echo "${SLURM_JOB_NAME:-slurm}: requeued ${SLURM_RESTART_COUNT:-0} times already" \
      "(MAX_RESTARTS=$MAX_RESTARTS); submit the same line again to go on" >&2
    exit 2
  fi
  patiently scontrol requeue "$this_job" || exit "$code"
  for ((try = 0; try < 60; try++)); do # until Slurm ends this attempt
    [[ -z $second ]] || break
    sleep 1 &
    wait $! || true
  done
  exit "$code"
}

# wait_and_tell PID: return the exit code of a step. Once the job is asked to end, send USR1 to the step repeatedly,
# because a process that was just starting may miss the first one. Slurm does not signal the batch shell on a
# preemption, so ask for one.
wait_and_tell() {
  local code=0 pause
  while kill -0 "$1" 2>/dev/null; do
    [[ -n $asked ]] || ! { learn && is_preempted; } || heed preemption
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
