# Makes an instance of the ECS-optimised Amazon Linux 2023 a member of the
# cluster that $cluster names, with its instance store, if it has any, striped
# under the containers. cloud-init runs it once, as root, before Docker and
# the ECS agent start. $ROOT is empty but in tests.
set -euo pipefail
shopt -s inherit_errexit
: "${ROOT:=}"
store=$ROOT/mnt/containers

# The instance-store volumes, one path a line. NVMe ones tell by their model;
# EBS volumes, the boot disk among them, have another. Older ones are told by
# the metadata service, as sdb where Linux says xvdb. The disks under / are
# never among them, whatever anybody tells.
instance_store() {
  local disks system root name model token mapping
  disks=$(lsblk --nodeps --noheadings --paths --output NAME,MODEL)
  system=$(findmnt --noheadings --output SOURCE /)
  root=$(lsblk --inverse --noheadings --paths --list --output NAME "$system")
  {
    while read -r name model; do
      if [[ $model == "Amazon EC2 NVMe Instance Storage"* ]]; then echo "$name"; fi
    done <<<"$disks"
    token=$(metadata -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' api/token) || token=
    for mapping in $(metadata -H "X-aws-ec2-metadata-token: $token" meta-data/block-device-mapping/ || true); do
      if [[ $mapping == ephemeral* ]]; then
        name=$(metadata -H "X-aws-ec2-metadata-token: $token" "meta-data/block-device-mapping/$mapping") || continue
        name=/dev/${name#/dev/}
        name=${name/#"/dev/sd"//dev/xvd}
        if grep --quiet --word-regexp --fixed-strings -- "$name" <<<"$disks"; then echo "$name"; fi
      fi
    done
  } | sort --unique | { grep --invert-match --line-regexp --fixed-strings -- "$root" || true; }
}

metadata() {
  local path=${*: -1}
  curl --silent --fail --max-time 5 "${@:1:$#-1}" "http://169.254.169.254/latest/$path"
}

# stripe prints the one device to use of those given.
stripe() {
  if (($# == 1)); then
    echo "$1"
    return
  fi
  if ! command -v mdadm >/dev/null && ! dnf --assumeyes --quiet install mdadm >&2; then
    echo "mdadm cannot be installed: $1 is used alone" >&2
    echo "$1"
    return
  fi
  mdadm --create /dev/md0 --run --level=0 --raid-devices=$# "$@" >&2
  echo /dev/md0
}

use_for_containers() {
  local device disk
  for disk in "$@"; do
    # cloud-init mounts the first of the older kind.
    umount "$disk" 2>/dev/null || true
  done
  device=$(stripe "$@")
  mkfs.xfs -f -L containers "$device"
  mkdir -p "$store"
  mount -o noatime "$device" "$store"
  # After a reboot it is there again; after a stop it is blank, and Docker
  # starts on the boot disk.
  echo "LABEL=containers $store xfs noatime,nofail 0 0" >>"$ROOT/etc/fstab"
  mkdir -p "$store/docker" "$ROOT/etc/docker"
  python3 - "$ROOT/etc/docker/daemon.json" "$store/docker" <<'PYTHON'
import json, os, sys

path, data_root = sys.argv[1:]
settings = json.load(open(path)) if os.path.exists(path) and os.path.getsize(path) else {}
settings["data-root"] = data_root
json.dump(settings, open(path, "w"), indent=2)
PYTHON
}

mkdir -p "$ROOT/etc/ecs"
# The Spot notice is two minutes; the task definition says how much of them a
# worker gets. Workers come and go, so what they leave is cleaned up early.
cat >>"$ROOT/etc/ecs/ecs.config" <<CONFIG
ECS_CLUSTER=$cluster
ECS_ENABLE_SPOT_INSTANCE_DRAINING=true
ECS_ENABLE_TASK_IAM_ROLE=true
ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST=true
ECS_AVAILABLE_LOGGING_DRIVERS=["json-file","awslogs"]
ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE=true
ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=10m
CONFIG

found=$(instance_store)
if [[ -n $found ]]; then
  mapfile -t disks <<<"$found"
  # Both units wait for cloud-init to end: to wait for them here would be to
  # wait for ever. Stopping Docker takes the agent's start back too. Whatever
  # goes wrong in between, the instance works, on its boot disk.
  trap 'systemctl start --no-block docker.service ecs.service' EXIT
  systemctl stop docker.socket docker.service
  use_for_containers "${disks[@]}"
fi
