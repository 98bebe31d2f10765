# What Deploy/test-containers needs of a container engine, whichever it is. Sourced.
# Sets engine (podman or docker) and compose_command; makes the image.

swift_image=docker.io/library/swift:6.3-bookworm
runtime_image=docker.io/library/debian:bookworm-slim
made_image=localhost/casecluster-base:bookworm
# The tools that this test installs for itself.
own_tools=$PWD/.build/container-tools

skip() {
    echo "skipped: Deploy/test-containers: $1"
    exit 0
}

install_engine() {
    if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
        skip "--install works on Debian, as root"
    fi
    echo "installing podman, and what it needs to build images and to name containers"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        podman buildah runc netavark aardvark-dns iptables debootstrap python3-venv >/dev/null
}

install_compose() {
    python3 -m venv "$own_tools/venv"
    "$own_tools/venv/bin/pip" install --quiet --disable-pip-version-check podman-compose
}

# Without systemd podman can keep neither cgroups nor events its usual way.
configure_podman() {
    if [ -d /run/systemd/system ] || [ -n "${CONTAINERS_CONF:-}" ]; then return; fi
    mkdir -p "$own_tools"
    cat >"$own_tools/containers.conf" <<'CONF'
[engine]
runtime="runc"
cgroup_manager="cgroupfs"
events_logger="file"
[containers]
default_ulimits=["nofile=20000:20000","nproc=1000:1000"]
CONF
    export CONTAINERS_CONF=$own_tools/containers.conf
}

works() { command -v "$1" >/dev/null && "$1" info >/dev/null 2>&1; }

find_engine() {
    if ! command -v podman >/dev/null && ! works docker && [ -n "$install" ]; then install_engine; fi
    configure_podman
    engine=
    local candidate
    for candidate in ${CASECLUSTER_ENGINE:-podman docker}; do
        if works "$candidate"; then
            engine=$candidate
            break
        fi
    done
    [ -n "$engine" ] || skip "no container engine runs here, neither podman nor docker (try --install)"
    if [ "$engine" = docker ]; then
        docker compose version >/dev/null 2>&1 || skip "docker is here without its compose"
        compose_command=(docker compose)
        return
    fi
    PATH=$own_tools/venv/bin:$PATH
    if ! command -v podman-compose >/dev/null && [ -n "$install" ]; then install_compose; fi
    command -v podman-compose >/dev/null || skip "podman is here without podman-compose (try --install)"
    compose_command=(podman-compose)
}

has_image() { $engine image inspect "$1" >/dev/null 2>&1; }

# Debian's slim image where it is here or can be fetched; otherwise Debian's own packages, installed into a folder.
find_runtime() {
    if has_image "$runtime_image"; then return; fi
    if has_image "$made_image"; then
        runtime_image=$made_image
        return
    fi
    if timeout 120 $engine pull --quiet "$runtime_image" >/dev/null 2>&1; then return; fi
    if ! command -v debootstrap >/dev/null || [ "$(id -u)" != 0 ]; then
        skip "no base image: $runtime_image can't be fetched, and there is no debootstrap"
    fi
    echo "  no registry: the base image is made by debootstrap"
    # In a shell of its own, whose end removes the folder however it comes: it has some 300 MB.
    (
        root=$(mktemp -d "${TMPDIR:-/tmp}/casecluster-base.XXXXXX")
        trap 'rm -rf "$root" "$root.log"' EXIT
        debootstrap --variant=minbase bookworm "$root" >"$root.log" 2>&1 ||
            { tail -n 5 "$root.log"; exit 1; }
        rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
        tar -C "$root" -c . | $engine import - "$made_image" >/dev/null 2>&1
    ) || exit 1
    runtime_image=$made_image
}

build_image() { # its name, where programs are that were built outside
    find_runtime
    local programs=built
    if has_image "$swift_image"; then
        echo "  the programs are built inside, on $swift_image: some 10 minutes"
    else
        programs=given
        echo "  skipped: building the programs inside (there is no $swift_image here); those of $2 are taken"
        if [ ! -x "$2/casenode" ]; then Deploy/prepare && Deploy/build; fi
    fi
    # An empty folder where nothing is given: the file that names it must find it.
    rm -rf .build/container
    mkdir -p .build/container
    if [ $programs = given ]; then
        local program
        for program in casenode casectl; do
            strip -o ".build/container/$program" "$2/$program" || cp "$2/$program" .build/container/
        done
    fi
    if [ ! -x "$2/casebench" ]; then Deploy/prepare && Deploy/build --product casebench; fi
    local options=()
    # The older format of the two knows health checks; docker writes it anyway.
    if [ "$engine" = podman ]; then options=(--format docker); fi
    $engine build "${options[@]}" --file Deploy/Containerfile --tag "$1" \
        --build-arg PROGRAMS=$programs --build-arg SWIFT_IMAGE="$swift_image" \
        --build-arg RUNTIME_IMAGE="$runtime_image" . >"$work/build.out" 2>&1 ||
        { tail -n 20 "$work/build.out"; exit 1; }
}

# Podman keeps every step as an image without a name, for the next build: those of this one are of no use to anybody.
remove_steps() { # what the build has printed
    if [ "$engine" != podman ] || [ ! -e "$1" ]; then return; fi
    local step
    for step in $(sed -n 's/^--> \([0-9a-f]*\)$/\1/p' "$1" | tac); do
        podman rmi "$step" >/dev/null 2>&1 || true
    done
}

# A kernel with the first version of control groups may fail to freeze a busy container (runc: "unable to freeze"): asked
# again, then stopped by a signal, which is the same to a container of one process.
pause() { # its name
    local _
    for _ in 1 2 3 4 5; do
        if $engine pause "$1" >/dev/null 2>&1; then return; fi
        sleep 0.5
    done
    echo "  (the engine could not freeze it: stopped by a signal)"
    $engine kill --signal STOP "$1" >/dev/null
}
unpause() {
    $engine unpause "$1" >/dev/null 2>&1 || $engine kill --signal CONT "$1" >/dev/null
}

# Podman leaves the timing to systemd, which may be missing: then the check is run here.
is_healthy() {
    if [ "$engine" = podman ]; then
        podman healthcheck run "$1"
    else
        [ "$(docker inspect --format '{{.State.Health.Status}}' "$1")" = healthy ]
    fi
}
