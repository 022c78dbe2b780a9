#!/bin/sh
# Train, judge, export and check, in an environment of its own: sh run.sh DIR
# DIR holds RecBole's ml-100k.inter, .item and .user (`make serve` unpacks them to .cache/ml-100k).
set -eu
data=$(cd "${1:?usage: sh run.sh DIR, the folder with ml-100k.inter}" && pwd)
cd "$(dirname "$0")"
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/python -m pip install --quiet --requirement requirements.txt
.venv/bin/python train.py --data "$data"
.venv/bin/python sanity.py --data "$data"
.venv/bin/python compare.py --data "$data"
