# shellcheck shell=bash
# Shared set-up of the jobs in this folder. Submit them from the project's folder (or with
# --chdir=FOLDER), on a file system that all nodes share.

stop() {
  printf '%s: %s\n' "${SLURM_JOB_NAME:-slurm}" "$*" >&2
  exit 2
}

[[ -f train.py && -f etl/shard.py ]] || stop "$PWD is not the project's folder; submit from there, or add --chdir=FOLDER"
. slurm/environment.sh

# Rendezvous of the processes of a job: the first node, and a port that differs for each job.
# shellcheck disable=SC2034
FIRST_NODE=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
# shellcheck disable=SC2034
JOB_PORT=$((20000 + SLURM_JOB_ID % 10000))

# port_of TRY: print the port of a try, counted from 0, whose number is not taken on this node, the first of the job.
port_of() {
  local port=$(((JOB_PORT - 20000 + $1 * 1009) % 10000 + 20000)) step
  for ((step = 0; step < 20; step++)); do
    (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    port=$(((port - 20000 + 7) % 10000 + 20000))
  done
  echo "$port"
}

# One task on each node, regardless of the job's --ntasks-per-node, with all GPUs that the job has there. Without this
# srun would request the number of --gpus-per-node again, even if --gres overrides it.
unset SLURM_GPUS_PER_NODE
every_node=(--nodes="$SLURM_NNODES" --ntasks="$SLURM_NNODES" --ntasks-per-node=1
  --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" "${site_srun[@]}")

# await_steps: begin a new attempt if Slurm gives this one no step on all of its nodes. Slurm (22.05) may start a
# requeued job in the moment in which its lost node returns. It then counts fewer nodes than it gave, and a step on all
# of them waits for ever ("Requested nodes are busy"); or the node takes none ("Job credential expired"). The wait is
# shorter than the notice of a time limit, since a signal is heard only after it.
STEP_WAIT_S=${STEP_WAIT_S:-45}
await_steps() {
  local said
  ((SLURM_NNODES > 1)) || return 0
  said=$(srun --immediate="$STEP_WAIT_S" "${every_node[@]}" true 2>&1) && return 0
  case $said in
    *'Requested nodes are busy'* | *'Task launch for '*' failed'*) ;;
    *) return 0 ;; # of any other trouble the steps tell themselves
  esac
  echo "${SLURM_JOB_NAME:-slurm}: Slurm gives no step on all $SLURM_NNODES nodes of the job; starting again." \
    "It said: $said" >&2
  # shellcheck disable=SC2034
  again=1
  exit 1
}

# here COMMAND...: run one of our commands on this node, the first of the job, in the environment of the jobs.
here() {
  if ((${#site_srun[@]})); then
    srun --overlap --nodes=1 --ntasks=1 --nodelist="$FIRST_NODE" "${site_srun[@]}" "${inside[@]}" "$@"
  else
    "${inside[@]}" "$@"
  fi
}

# value_of KEY ARG...: print the value of the last KEY=VALUE, or nothing.
value_of() {
  local key=$1 value='' arg
  shift
  for arg in "$@"; do
    [[ $arg == "$key="* ]] && value=${arg#*=}
  done
  echo "$value"
}

# address_of NODE: print the IPv4 address under which the other nodes reach it.
address_of() {
  local name address
  name=$(scontrol show node "$1" --oneliner | grep -o ' NodeAddr=[^ ]*' | cut -d= -f2)
  address=$(getent ahostsv4 "$name" | awk 'NR == 1 {print $1}')
  # Debian's installer maps a machine's own name to this address, which other machines cannot reach.
  [[ $address == 127.0.1.1 ]] && address=$(hostname -I | awk '{print $1}')
  [[ -n $address ]] || stop "no address found for node $1"
  echo "$address"
}

# gpus_by_node: print "NODE COUNT" for every node of this job that has GPUs, in descending order.
gpus_by_node() {
  # shellcheck disable=SC2016
  [[ -z ${SLURM_GPUS_ON_NODE:-} ]] || srun "${every_node[@]}" \
    bash -c 'echo "$SLURMD_NODENAME ${SLURM_GPUS_ON_NODE:-0}"' | sort -k2,2nr -k1,1
}
