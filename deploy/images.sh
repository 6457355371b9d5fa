#!/bin/bash
# Builds the images of s3grouper and s3bundler for amd64 and arm64, with docker
# (buildx), podman or buildah, whichever is there. From the environment:
#
#   VERSION, COMMIT   stamped into the programs; VERSION is also the tag
#   REGISTRY          where the images belong, such as
#                     111122223333.dkr.ecr.eu-west-1.amazonaws.com
#   PUSH=1            push them there, as images for both architectures
#   ENGINE            docker, podman or buildah, instead of the first there is
#   ARCHS             other architectures, with spaces between them
#   GO_IMAGE          another image to build in
#   SOURCE_DATE_EPOCH another time for the files in the images
#   BUILD_ARGS        more arguments for the build, with spaces between them
set -euo pipefail
cd "$(dirname "$0")/.."

version=${VERSION:-v0.0.0}
commit=${COMMIT:-unknown}
registry=${REGISTRY:-localhost}
read -ra archs <<<"${ARCHS:-amd64 arm64}"
read -ra more <<<"${BUILD_ARGS:-}"
if [[ -n ${GO_IMAGE:-} ]]; then more+=(--build-arg "GO_IMAGE=$GO_IMAGE"); fi
# The time of the files in the images: the commit's, so that the same source
# gives the same image.
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}

# A docker client alone, without buildx or a daemon to talk to, builds nothing.
usable() { # engine
	command -v "$1" >/dev/null || return
	if [[ $1 == docker ]]; then docker buildx version && docker info; fi >/dev/null 2>&1
}

engine=${ENGINE:-}
for candidate in docker podman buildah; do
	if [[ -z $engine ]] && usable "$candidate"; then engine=$candidate; fi
done

with_docker() { # name
	local arch platforms
	if [[ -n ${PUSH:-} ]]; then
		printf -v platforms 'linux/%s,' "${archs[@]}"
		docker buildx build --platform "${platforms%,}" --output type=image,push=true,rewrite-timestamp=true \
			"${common[@]}" -t "$registry/$1:$version" .
		return
	fi
	for arch in "${archs[@]}"; do
		docker buildx build --platform "linux/$arch" --load "${common[@]}" -t "$registry/$1:$version-$arch" .
	done
}

# podman and buildah take the same words. Older ones do not tell a build its
# platforms by themselves.
with_manifest() { # name
	local arch list=$registry/$1:$version here
	here=$("$engine" info --format '{{.host.arch}}' 2>/dev/null) || here=$(uname -m)
	case $here in x86_64) here=amd64 ;; aarch64) here=arm64 ;; esac
	"$engine" manifest rm "$list" >/dev/null 2>&1 || "$engine" rmi "$list" >/dev/null 2>&1 || true
	"$engine" manifest create "$list" >/dev/null
	for arch in "${archs[@]}"; do
		"$engine" build --platform "linux/$arch" --build-arg "BUILDPLATFORM=linux/$here" \
			--build-arg TARGETOS=linux --build-arg "TARGETARCH=$arch" --timestamp "$epoch" --format docker \
			"${common[@]}" --manifest "$list" .
	done
	if [[ -n ${PUSH:-} ]]; then "$engine" manifest push --all "$list" "docker://$list"; fi
}

for name in s3grouper s3bundler; do
	common=(--file "Dockerfile.${name#s3}" --build-arg "VERSION=$version" --build-arg "COMMIT=$commit" "${more[@]}")
	case $engine in
	docker)
		if ! docker buildx version >/dev/null 2>&1; then
			echo "docker has no buildx: install it, or podman or buildah" >&2
			exit 1
		fi
		SOURCE_DATE_EPOCH=$epoch with_docker "$name"
		;;
	podman | buildah) with_manifest "$name" ;;
	"")
		echo "no container engine: install docker with buildx, podman or buildah" >&2
		exit 1
		;;
	*)
		echo "ENGINE=$engine: write docker, podman or buildah" >&2
		exit 1
		;;
	esac
	echo "$registry/$name:$version"
done
