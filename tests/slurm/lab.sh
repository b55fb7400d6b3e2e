#!/usr/bin/env bash
# A Slurm with two nodes on this one machine, for tests; no systemd, nothing in /etc but host names.
#   tests/slurm/lab.sh up          start it (Debian, as root; installs slurm-wlm and munge if they are missing)
#   tests/slurm/lab.sh down        stop it
#   tests/slurm/lab.sh run CMD...  start it, run CMD with SLURM_CONF set, stop it; the exit code is CMD's
#   tests/slurm/lab.sh node NAME   start a node anew that was killed
#   tests/slurm/lab.sh install     only what is needed once on a machine, before several labs start at once
# SLURM_LAB is the folder for its state (default .slurm-lab here; never in /tmp, of which each node has its own),
# SLURM_LAB_PORT its first port, SLURM_LAB_FIRST_JOB the number of its first job.
# A node has its own host name, processes and /tmp: killing the process of run/NAME.pid kills all that runs on it, as
# when it loses its power, and tmp/NAME is its /tmp. What the nodes share goes to the folder shared, where pytest puts
# its temporary folders, or to share, a small file system that can be filled.
set -euo pipefail
lab=$(realpath -m "${SLURM_LAB:-.slurm-lab}")
port=${SLURM_LAB_PORT:-16817}
nodes=(lab1 lab2)
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C SLURM_CONF=$lab/slurm.conf PYTEST_DEBUG_TEMPROOT=$lab/shared

stop() {
  printf 'lab: %s\n' "$*" >&2
  exit 2
}

install() {
  command -v slurmctld slurmd munged sbatch >/dev/null && return
  ((EUID == 0)) || stop "slurm-wlm and munge are missing: apt-get install slurm-wlm munge"
  # The packages' own services would start without a configuration and fail: they are told not to.
  local policy=/usr/sbin/policy-rc.d ours=0
  [[ -e $policy ]] || { printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy && ours=1; }
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends slurm-wlm munge >/dev/null
  ((ours == 0)) || rm $policy
}

# name_nodes: let the nodes' names stand for their addresses.
name_nodes() {
  local index
  for index in "${!nodes[@]}"; do
    grep -qE "\s${nodes[index]}\$" /etc/hosts || echo "127.0.0.$((21 + index)) ${nodes[index]}" >>/etc/hosts
  done
}

# running NAME PROGRAM: its pid file names a process, and that process is the program.
running() {
  local pid
  pid=$(cat "$lab/run/$1.pid" 2>/dev/null) && [[ $(cat "/proc/$pid/comm" 2>/dev/null) == "$2" ]]
}

# Two nodes in this machine's own network, told apart by their loopback addresses and ports.
# Four GPUs each that are plain device files: enough for Slurm to hand them out.
configure() {
  mkdir -p "$lab"/{run,log,state,spool,munge,gpu,shared,share,disk/only-lab1}
  chmod 755 "$lab" "$lab/munge"
  [[ -s $lab/munge/key ]] || (umask 077 && head -c 128 /dev/urandom >"$lab/munge/key")
  local gpu
  for gpu in 0 1 2 3; do
    [[ -e $lab/gpu/gpu$gpu ]] || mknod "$lab/gpu/gpu$gpu" c 1 3
  done
  echo "NodeName=lab[1-2] Name=gpu File=$lab/gpu/gpu[0-3]" >"$lab/gres.conf"
  cat >"$lab/slurm.conf" <<CONF
ClusterName=lab
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$lab/munge/socket,cred_expire=6
CredType=cred/munge
StateSaveLocation=$lab/state
SlurmdSpoolDir=$lab/spool/%n
SlurmctldPidFile=$lab/run/slurmctld.pid
SlurmdPidFile=$lab/run/slurmd-%n.pid
SlurmctldLogFile=$lab/log/slurmctld.log
SlurmdLogFile=$lab/log/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
KillWait=30
SlurmdTimeout=60
FirstJobId=${SLURM_LAB_FIRST_JOB:-1}
MinJobAge=600
TreeWidth=2
GresTypes=gpu
NodeName=lab[1-2] NodeHostname=localhost NodeAddr=127.0.0.[21-22] Port=[$((port + 1))-$((port + 2))] CPUs=32 Gres=gpu:4
PartitionName=main Nodes=ALL Default=YES PriorityTier=1 GraceTime=30
PartitionName=patient Nodes=ALL PriorityTier=1 GraceTime=120
PartitionName=urgent Nodes=ALL PriorityTier=10 PreemptMode=OFF
CONF
}

# start_node NODE: its slurmd. The folder disk is empty for the other node, as a disk that it has not mounted.
start_node() {
  local tmp=$lab/tmp/$1
  mkdir -p "$tmp"
  mountpoint --quiet "$tmp" || mount -t tmpfs -o size=2g,mode=1777 "tmp-$1" "$tmp"
  # Its first process is a shell, which reaps what jobs leave behind.
  # shellcheck disable=SC2016
  setsid unshare --mount --uts --pid --fork --kill-child --mount-proc bash -c '
    hostname "$2" && mount --bind "$1/tmp/$2" /tmp || exit 1
    [[ $2 == lab1 ]] || mount -t tmpfs none "$1/disk" || exit 1
    slurmd -D -N "$2" &
    while kill -0 $! 2>/dev/null; do wait $!; done' node "$lab" "$1" </dev/null >>"$lab/log/node-$1.log" 2>&1 &
  echo $! >"$lab/run/$1.pid"
  disown # so that bash does not tell of its death
}

idle_nodes() { timeout 3 sinfo --noheader --Node --partition=main --states=idle 2>/dev/null | wc -l; }

up() {
  [[ $lab/ != /tmp/* && $PWD/ != /tmp/* ]] || stop "each node has a /tmp of its own: call it from a folder outside of" \
    "/tmp, with SLURM_LAB outside of it"
  install
  name_nodes
  configure
  mountpoint --quiet "$lab/share" || mount -t tmpfs -o size=512m share "$lab/share"
  running munged munged ||
    munged --force --key-file="$lab/munge/key" --socket="$lab/munge/socket" --seed-file="$lab/munge/seed" \
      --pid-file="$lab/run/munged.pid" --log-file="$lab/log/munged.log"
  running slurmctld slurmctld || slurmctld >/dev/null
  local node try
  for node in "${nodes[@]}"; do
    running "$node" unshare || start_node "$node"
  done
  SECONDS=0
  for ((try = 1; SECONDS < 30; try++)); do
    (($(idle_nodes) == ${#nodes[@]})) && return
    ((try % 10)) || revive
    sleep 0.5
  done
  stop "the nodes did not become idle within 30 s; see $lab/log"
}

# Nodes that an earlier stop left marked as down.
revive() {
  local node
  for node in "${nodes[@]}"; do
    timeout 3 scontrol update "nodename=$node" state=resume 2>/dev/null || true
  done
}

down() {
  local try name program signal
  if running slurmctld slurmctld; then
    timeout 10 scancel --full --user="$(id -un)" || true
    for ((try = 0; try < 20; try++)); do
      [[ -z $(timeout 5 squeue --noheader) ]] && break
      sleep 0.5
    done
  fi
  for name in "${nodes[@]}" slurmctld munged; do
    case $name in
      lab*) program=unshare signal=KILL ;; # which heeds no other signal
      *) program=$name signal=TERM ;;
    esac
    running "$name" "$program" || continue
    kill -s "$signal" "$(cat "$lab/run/$name.pid")"
    for ((try = 0; try < 50; try++)); do
      running "$name" "$program" || break
      sleep 0.1
    done
  done
  for name in share "${nodes[@]/#/tmp/}"; do
    ! mountpoint --quiet "$lab/$name" || umount --lazy "$lab/$name"
  done
}

case ${1:-} in
  up)
    up
    echo "lab: up; export SLURM_CONF=$SLURM_CONF"
    ;;
  down) down ;;
  install)
    install
    name_nodes
    ;;
  run)
    shift
    trap down EXIT
    up
    "$@"
    ;;
  node)
    [[ " ${nodes[*]} " == *" ${2:-} "* ]] || stop "usage: tests/slurm/lab.sh node ${nodes[*]}"
    running "$2" unshare || start_node "$2"
    ;;
  *) stop "usage: tests/slurm/lab.sh up|down|install|node NAME|run CMD..." ;;
esac
