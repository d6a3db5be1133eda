#!/usr/bin/env bash
# Starts a published program; lies beside it under the name guanxi. `exec` makes the program itself receive every signal.
set -euo pipefail
root=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source=eng/environment.sh
. "$root/program/environment.sh"
gx_environment
export GUANXI_LAUNCHER=$root/guanxi
exec "$root/program/guanxi" "$@"
