#!/bin/sh
# Write the lock files anew from pyproject.toml. Needs uv.
set -eu
cd "$(dirname "$0")/../.."
lock() {
    out=$1
    shift
    uv pip compile pyproject.toml deploy/requirements/build.in "$@" --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --output-file "deploy/requirements/$out"
}
lock run.txt
lock web.txt --extra web
lock service.txt --extra metrics --extra notify --extra web
lock cluster.txt --extra cluster
lock test.txt --group dev --extra cluster --extra metrics --extra notify --extra web
lock train.txt --extra train
