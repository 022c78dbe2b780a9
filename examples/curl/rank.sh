#!/bin/sh
# Scores of films for one user, over the Open Inference Protocol. row_index may be left out where
# all candidates belong to one request.
set -eu
url=${1:-http://localhost:8000}
zeros() { printf '0%.0s' $(seq "$1") | sed 's/0/,0/g'; }

curl -sS --fail-with-body "$url/v2/models/ml100k_din/infer" -H 'content-type: application/json' -d @- <<BODY
{
  "id": "example",
  "inputs": [
    {"name": "history", "shape": [1, 48], "datatype": "INT32", "data": [1, 7, 22$(zeros 45)]},
    {"name": "history_ratings", "shape": [1, 48], "datatype": "INT32", "data": [5, 4, 3$(zeros 45)]},
    {"name": "profile", "shape": [1, 3], "datatype": "INT32", "data": [1, 3, 20]},
    {"name": "context", "shape": [1, 3], "datatype": "INT32", "data": [20, 5, 0]},
    {"name": "candidates", "shape": [5], "datatype": "INT32", "data": [50, 100, 181, 258, 286]}
  ],
  "outputs": [{"name": "score"}]
}
BODY
echo
