#!/bin/sh
# The command in a checkout: the repository's own Node runs the TypeScript as it stands, in this very process.
# The published package has dist/cli/entry.js instead (prepack).
here=$(dirname "$(readlink -f "$0")")
node="$here/../../node_modules/node/bin/node"
[ -x "$node" ] || node=node
exec "$node" "$here/entry.ts" "$@"
