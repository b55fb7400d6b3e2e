#!/usr/bin/env bash
# `ray up`, `ray submit` and `ray down` with launch/ray/cluster.yaml against an ssh server of its own:
#   unshare --pid --net --mount --fork --mount-proc --kill-child tests/launch/ray_submit.sh PROJECT FOLDER KEY=VALUE ...
# Runs in name spaces of its own: their network has port 22 free, `ray stop` sees no other Ray, and
# the user's home is FOLDER/home. FOLDER's path must be short: Ray's sockets lie in it.
set -euo pipefail
project=$1 folder=$2
shift 2
client=$folder/client home=$folder/home
mkdir -p "$client/.ssh" "$client/.ray" "$home/.ssh" "$home/.ray" "$folder/ray" /run/sshd
chmod 700 "$home" "$home/.ssh" "$client/.ssh"

ip link set lo up
user=$(id -un)
sed "s|^\($user:[^:]*:[^:]*:[^:]*:[^:]*\):[^:]*:.*|\1:$home:/bin/bash|" /etc/passwd > "$folder/passwd"
mount --bind "$folder/passwd" /etc/passwd
mount -t tmpfs -o mode=755 tmpfs /run/sshd

ssh-keygen -q -t ed25519 -N '' -f "$client/.ssh/key"
ssh-keygen -q -t ed25519 -N '' -f "$folder/host_key"
cp "$client/.ssh/key.pub" "$home/.ssh/authorized_keys"
echo "export RAY_TMPDIR=$folder/ray" > "$home/.bashrc"
"$(command -v sshd)" -f /dev/null -h "$folder/host_key" -o ListenAddress=127.0.0.1 -o UsePAM=no \
  -o StrictModes=no -o PasswordAuthentication=no -o PidFile="$folder/sshd.pid" -E "$folder/sshd.log"

# The file as it is, but for what it says to change, and an environment that is there already.
head -c 32 /dev/urandom | sha256sum | cut -c 1-64 > "$client/.ray/auth_token"
chmod 600 "$client/.ray/auth_token"
sed -e "s|head_ip: .*|head_ip: 127.0.0.1|" -e '/^  worker_ips:/,/^$/c\  worker_ips: []\n' \
  -e "s|ssh_user: .*|ssh_user: $user|" -e "s|.*ssh_private_key: .*|  ssh_private_key: $client/.ssh/key|" \
  -e 's|^\(m[a-z]*_workers\): .*|\1: 0|' \
  -e "s|^  - cd ~/emotalk-project.*|  - ln -sfn $project/.venv ~/emotalk-project/.venv|" \
  "$project/launch/ray/cluster.yaml" > "$folder/cluster.yaml"

export HOME=$client RAY_TMPDIR=$folder/ray RAY_USAGE_STATS_ENABLED=0 RAY_AUTH_MODE=token PATH=$project/.venv/bin:$PATH
unset RAY_ADDRESS
cd "$project"
ray up -y "$folder/cluster.yaml"
code=0
ray submit "$folder/cluster.yaml" etl/shard.py -- emotalk-project/configs/etl/crema_d.yaml "$@" || code=$?
ray down -y "$folder/cluster.yaml"
exit "$code"
