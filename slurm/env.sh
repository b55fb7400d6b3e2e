# shellcheck shell=bash
# What the jobs of this folder share. They are submitted from the project's folder (or with
# --chdir=FOLDER), on a file system that every node sees. Settings of your own cluster (modules,
# NCCL_SOCKET_IFNAME, GLOO_SOCKET_IFNAME, HTTP proxies) belong in slurm/site.sh, which git ignores.

stop() {
  printf '%s: %s\n' "${SLURM_JOB_NAME:-slurm}" "$*" >&2
  exit 2
}

[[ -f train.py && -f etl/shard.py ]] || stop "$PWD is not the project's folder; submit from there, or add --chdir=FOLDER"
[[ -x .venv/bin/python ]] || stop "no .venv here; run 'make setup' in $PWD first"
PATH=$PWD/.venv/bin:$PATH
export PATH
if [[ -f slurm/site.sh ]]; then
  # shellcheck disable=SC1091
  . slurm/site.sh
fi

# Where the processes of a job meet: the first node, and a port that no other job of this node takes.
# shellcheck disable=SC2034
FIRST_NODE=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
# shellcheck disable=SC2034
JOB_PORT=$((20000 + SLURM_JOB_ID % 10000))

# One task on each node, whatever --ntasks-per-node the job was given, and with all GPUs that the job has
# there: srun would ask for --gpus-per-node's number again, also where --gres was given, which wins.
unset SLURM_GPUS_PER_NODE
every_node=(--nodes="$SLURM_NNODES" --ntasks="$SLURM_NNODES" --ntasks-per-node=1
  --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}")

# value_of KEY ARG...: the value of the last KEY=VALUE, or nothing.
value_of() {
  local key=$1 value='' arg
  shift
  for arg in "$@"; do
    [[ $arg == "$key="* ]] && value=${arg#*=}
  done
  echo "$value"
}

# address_of NODE: its IPv4 address, as the other nodes reach it.
address_of() {
  local name address
  name=$(scontrol show node "$1" --oneliner | grep -o ' NodeAddr=[^ ]*' | cut -d= -f2)
  address=$(getent ahostsv4 "$name" | awk 'NR == 1 {print $1}')
  # Debian's installer gives a machine's own name this address, which nobody else can reach.
  [[ $address == 127.0.1.1 ]] && address=$(hostname -I | awk '{print $1}')
  [[ -n $address ]] || stop "no address found for node $1"
  echo "$address"
}

# gpus_by_node: "NODE COUNT" for every node of this job that has GPUs, the most first.
gpus_by_node() {
  # shellcheck disable=SC2016
  [[ -z ${SLURM_GPUS_ON_NODE:-} ]] || srun "${every_node[@]}" \
    bash -c 'echo "$SLURMD_NODENAME ${SLURM_GPUS_ON_NODE:-0}"' | sort -k2,2nr -k1,1
}
