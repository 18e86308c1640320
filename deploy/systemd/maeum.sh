#!/bin/sh
# The command maeum with the settings of the service. Install as /usr/local/sbin/maeum, mode 0755; root runs it.
# Variables that the caller has set take precedence over the file.
given=$(export -p)
set -a
. /etc/maeum/maeum.env
set +a
eval "$given"
exec node /opt/maeum/dist/cli/main.js "$@"
